"""Operations: what was accepted, and how far it came."""

from dataclasses import astuple, dataclass, fields
from typing import Any

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation (fields and units as in migration 0005)."""

    operation_id: str
    device_id: str
    user_id: str
    actor: str
    mid: str | None
    command: str
    expires: int
    state: str
    gateway_id: str | None = None
    result: str | None = None
    created: int
    changed: int


_COLUMNS = ", ".join(each.name for each in fields(Operation))
_MARKS = ", ".join("?" * len(fields(Operation)))


def save(db: Database, operation: Operation) -> None:
    """Store an operation, new or changed."""
    db.execute(
        f"INSERT OR REPLACE INTO operation ({_COLUMNS}) VALUES ({_MARKS})",  # noqa: S608 - of this module
        astuple(operation),
    )


def get(db: Database, operation_id: str) -> Operation | None:
    """Return an operation."""
    return _one(db, "operation_id = ?", (operation_id,))


def of_mid(db: Database, actor: str, mid: str) -> Operation | None:
    """Return the operation that a caller asked for with a mid."""
    return _one(db, "actor = ? AND mid = ?", (actor, mid))


def unfinished(db: Database) -> list[Operation]:
    """Return the operations that a process left behind."""
    rows = db.all(f"SELECT {_COLUMNS} FROM operation WHERE result IS NULL")  # noqa: S608 - of this module
    return [Operation(**row) for row in rows]


def forget(db: Database, before: int) -> None:
    """Drop the operations that ended before a time."""
    db.execute(
        "DELETE FROM operation WHERE created < ? AND result IS NOT NULL", (before,), durable=False
    )


def _one(db: Database, condition: str, parameters: tuple[Any, ...]) -> Operation | None:
    row = db.one(
        f"SELECT {_COLUMNS} FROM operation WHERE {condition}",  # noqa: S608 - of this module
        parameters,
    )
    return None if row is None else Operation(**row)
