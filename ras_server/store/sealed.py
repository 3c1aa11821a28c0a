"""Every column that is sealed under the master key, for its rotation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .db import Database, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A sealed column: its table, the columns of its key, and its place as the vault names it."""

    table: str
    name: str
    key: tuple[str, ...]
    place: Callable[[Row], str]
    more: tuple[str, ...] = ()
    """Further columns that the place needs."""
    condition: str = "TRUE"


def _device(row: Row) -> str:
    return str(row["device_id"]).lower()


COLUMNS = (
    Column(table="user", name="scram", key=("user_id",), place=lambda row: row["user_id"]),
    Column(
        table="answer",
        name="body",
        key=("caller", "mid"),
        place=lambda row: f"{row['caller']} {row['mid']}",
        condition="secret = 1",
    ),
    Column(table="device", name="k_f", key=("device_id",), place=_device),
    Column(
        table="device",
        name="k_code",
        key=("device_id",),
        place=lambda row: f"{_device(row)}/{row['code_key']}",
        more=("code_key",),
    ),
    Column(
        table="totp", name="secret", key=("user_id", "active"), place=lambda row: row["user_id"]
    ),
    *(
        Column(
            table="device_key",
            name=name,
            key=("key_id",),
            place=lambda row: f"{_device(row)}/{row['gen']}/{row['key_id']}",
            more=("device_id", "gen"),
        )
        for name in ("k_d", "private")
    ),
)
"""A column that is missing here keeps an old key in use for ever; a test looks for it."""


def count(db: Database, column: Column, key_id: bytes) -> int:
    """Return how many values are sealed under another key than this one."""
    row = db.one(
        f"SELECT count(*) AS number FROM {column.table} WHERE {_old(column)}",  # noqa: S608 - of this module
        {"id": key_id},
    )
    return 0 if row is None else int(row["number"])


def some(
    db: Database, column: Column, key_id: bytes, after: tuple[Any, ...], limit: int
) -> list[Row]:
    """Return rows after a key whose value is sealed under another key than this one, in order."""
    keys = ", ".join(column.key)
    marks = ", ".join(f":k{number}" for number in range(len(column.key)))
    behind = f"({keys}) > ({marks})" if after else "TRUE"
    chosen = ", ".join((*column.key, *column.more, column.name))
    return db.all(
        f"SELECT {chosen} FROM {column.table} WHERE {behind} AND {_old(column)}"  # noqa: S608 - of this module
        f" ORDER BY {keys} LIMIT {limit}",
        {"id": key_id} | {f"k{number}": value for number, value in enumerate(after)},
    )


def replace(db: Database, column: Column, row: Row, value: bytes) -> None:
    """Replace the value of a row."""
    keys = " AND ".join(f"{name} = ?" for name in column.key)
    db.execute(
        f"UPDATE {column.table} SET {column.name} = ? WHERE {keys}",  # noqa: S608 - of this module
        (value, *(row[name] for name in column.key)),
    )


def _old(column: Column) -> str:
    value = column.name
    return f"{column.condition} AND {value} IS NOT NULL AND substr({value}, 1, 4) != :id"
