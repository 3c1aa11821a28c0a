"""The rows of the audit (project profile, section 8)."""

from collections.abc import Iterator
from typing import NamedTuple

from .db import Database

_CHUNK = 1000  # rows


class AuditRow(NamedTuple):
    """One entry: its number, its canonical JSON and its hash (32 bytes)."""

    n: int
    entry: str
    hash: bytes


def last(db: Database) -> AuditRow | None:
    """Return the newest entry."""
    row = db.one("SELECT n, entry, hash FROM audit ORDER BY n DESC LIMIT 1")
    return None if row is None else AuditRow(*row)


def add(db: Database, row: AuditRow) -> bool:
    """Append an entry to the one before it; False if another one is the newest.

    The entry is in the write-ahead log with the commit of this loop tick; it is not flushed.
    """
    return bool(
        db.execute(
            "INSERT INTO audit SELECT ?1, ?2, ?3"
            " WHERE (SELECT coalesce(max(n), 0) FROM audit) = ?1 - 1",
            row,
            durable=False,
        )
    )


def get(db: Database, n: int) -> AuditRow | None:
    """Return one entry."""
    row = db.one("SELECT n, entry, hash FROM audit WHERE n = ?", (n,))
    return None if row is None else AuditRow(*row)


def after(db: Database, n: int, limit: int, visible_to: str | None) -> list[AuditRow]:
    """Return the entries after a number; for a user those he made or that tell of his devices."""
    rows = db.all(
        "SELECT n, entry, hash FROM audit WHERE n > ?1 AND (?3 IS NULL"
        " OR entry ->> 'actor' = 'user:' || ?3"
        " OR entry ->> 'object' IN (SELECT 'dev:' || device_id FROM device WHERE owner = ?3))"
        " ORDER BY n LIMIT ?2",
        (n, limit, visible_to),
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


def tickets(db: Database, since: int, now: int, device_id: str | None) -> list[AuditRow]:
    """Return the tickets that were issued since a time and still live, newest first."""
    rows = db.all(
        "SELECT n, entry, hash FROM audit WHERE entry ->> 'action' = 'ticket.issue'"
        " AND entry ->> 'ts' >= ?1 AND entry ->> '$.detail.expires' > ?2"
        " AND (?3 IS NULL OR entry ->> 'object' = 'dev:' || ?3) ORDER BY n DESC LIMIT 1000",
        (since, now, device_id),
    )
    return [AuditRow(*row) for row in rows]
