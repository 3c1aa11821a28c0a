"""The rows of the audit (project profile, section 8)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from .db import Database

_CHUNK: Final = 200  # rows


class AuditRow(NamedTuple):
    """One entry: its number, its canonical JSON and its hash (32 bytes)."""

    n: int
    entry: str
    hash: bytes


def last(db: Database) -> AuditRow | None:
    """Return the newest entry."""
    row = db.one("SELECT n, entry, hash FROM audit ORDER BY n DESC LIMIT 1")
    return None if row is None else AuditRow(*row)


def add(db: Database, n: int, entry: str, hash_: bytes, *, durable: bool) -> None:
    """Append an entry to the one before it.

    It is in the write-ahead log with the next commit, and on the disk before what is answered if it
    is to be `durable`.
    """
    db.append("INSERT INTO audit VALUES (?, ?, ?)", (n, entry, hash_), durable=durable)


def get(db: Database, n: int) -> AuditRow | None:
    """Return one entry."""
    row = db.one("SELECT n, entry, hash FROM audit WHERE n = ?", (n,))
    return None if row is None else AuditRow(*row)


def page(db: Database, start: int, limit: int, *, newest_first: bool) -> list[AuditRow]:
    """Return the entries after a number, or before it the newest first."""
    side, order = ("<", "DESC") if newest_first else (">", "ASC")
    rows = db.all(
        f"SELECT n, entry, hash FROM audit WHERE n {side} ? ORDER BY n {order} LIMIT ?",  # noqa: S608 - words of this module
        (start, limit),
    )
    return [AuditRow(*row) for row in rows]


def chunks(db: Database, start: int, end: int | None) -> Iterator[list[AuditRow]]:
    """Return the entries from one number to another, both included, in chunks."""
    while True:
        rows = db.all(
            "SELECT n, entry, hash FROM audit WHERE n >= ?1 AND (?2 IS NULL OR n <= ?2)"
            " ORDER BY n LIMIT ?3",
            (start, end, _CHUNK),
        )
        if not rows:
            return
        yield [AuditRow(*row) for row in rows]
        start = rows[-1]["n"] + 1
