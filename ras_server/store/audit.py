"""The rows of the audit (project profile, section 8)."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from .db import Database

_CHUNK: Final = 200  # rows
_VIEWED: Final = {
    "actor": "entry ->> 'actor' = ? AND entry ->> 'actor' LIKE 'user:%'",
    "object": "entry ->> 'object' = ?",
}
"""How the indexes of migration 0006 are asked."""


class View(NamedTuple):
    """A part of the audit: what somebody did, or what was done to something.

    Of that only what is from a time and from an entry on.
    """

    column: str
    value: str
    since: int = 0
    first: int = 0


class AuditRow(NamedTuple):
    """One entry: its number, its canonical JSON and its hash (32 bytes)."""

    n: int
    entry: str
    hash: bytes


def last(db: Database) -> AuditRow | None:
    """Return the newest entry."""
    row = db.one("SELECT n, entry, hash FROM audit ORDER BY n DESC LIMIT 1")
    return None if row is None else AuditRow(*row)


def add(db: Database, n: int, entry: str, hash_: bytes) -> None:
    """Append an entry to the one before it.

    It is in the write-ahead log with the commit of this loop tick; it is not flushed.
    """
    db.append("INSERT INTO audit VALUES (?, ?, ?)", (n, entry, hash_))


def get(db: Database, n: int) -> AuditRow | None:
    """Return one entry."""
    row = db.one("SELECT n, entry, hash FROM audit WHERE n = ?", (n,))
    return None if row is None else AuditRow(*row)


def page(
    db: Database, views: Sequence[View] | None, start: int, limit: int, *, newest_first: bool
) -> list[AuditRow]:
    """Return the entries after a number, or before it the newest first; all without views."""
    side, order = ("<", "DESC") if newest_first else (">", "ASC")
    if views is None:
        rows = db.all(
            f"SELECT n, entry, hash FROM audit WHERE n {side} ? ORDER BY n {order} LIMIT ?",  # noqa: S608 - words of this module
            (start, limit),
        )
        return [AuditRow(*row) for row in rows]
    found = {
        row["n"]: AuditRow(*row)
        for view in views
        for row in db.all(
            f"SELECT n, entry, hash FROM audit WHERE {_VIEWED[view.column]} AND n {side} ?"  # noqa: S608 - the same
            f" AND n >= ? AND entry ->> 'ts' >= ? ORDER BY n {order} LIMIT ?",
            (view.value, start, view.first, view.since, limit),
        )
    }
    return [found[n] for n in sorted(found, reverse=newest_first)[:limit]]


def views_of(db: Database, user_id: str) -> list[View]:
    """Return what a person sees: what he did, what was done to him, his devices and gateways.

    Of a device he sees what was since it is his: since its registration or the last transfer.
    """
    me = f"user:{user_id}"
    rows = db.all(
        "SELECT 'dev:' || device_id AS object, registration AS since, (SELECT n FROM audit"
        " WHERE entry ->> 'action' = 'device.transfer' AND entry ->> 'object' = 'dev:' || device_id"
        " ORDER BY n DESC LIMIT 1) AS first FROM device WHERE owner = ?1"
        " UNION ALL SELECT 'gw:' || gateway_id, 0, 0 FROM gateway WHERE user_id = ?1",
        (user_id,),
    )
    return [
        View("actor", me),
        View("object", me),
        *(View("object", row["object"], row["since"], row["first"] or 0) for row in rows),
    ]


def of_operation(db: Database, operation: str, limit: int = 1000) -> list[AuditRow]:
    """Return the entries of an operation, in order."""
    rows = db.all(
        "SELECT n, entry, hash FROM audit WHERE entry ->> '$.detail.operation' = ?"
        " ORDER BY n LIMIT ?",
        (operation, limit),
    )
    return [AuditRow(*row) for row in rows]


def answers_with(db: Database, device: str, event: int, since: int) -> list[AuditRow]:
    """Return the answers of a device, since a time, that told this event counter, in order."""
    rows = db.all(
        "SELECT n, entry, hash FROM audit WHERE entry ->> 'action' = 'lock.answer'"
        " AND entry ->> 'object' = ?1 AND entry ->> '$.detail.event' = ?2"
        " AND entry ->> 'ts' >= ?3 ORDER BY n LIMIT 100",
        (device, event, since),
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


_CLOCK: Final = 120
"""Seconds that the clock of the server may go back between two entries."""


def first_since(db: Database, since: int) -> int:
    """Return a number from which on all entries are that are not older than a time."""
    low, high = 0, 0 if (newest := last(db)) is None else newest.n
    while low < high:
        middle = (low + high + 1) // 2
        row = db.one("SELECT entry ->> 'ts' AS ts FROM audit WHERE n = ?", (middle,))
        if row is not None and row["ts"] >= since - _CLOCK:
            high = middle - 1
        else:
            low = middle
    return low + 1


_TICKETS: Final = (
    "SELECT n, entry, hash FROM audit WHERE entry ->> 'object' = ?1 AND n >= ?2"
    " AND entry ->> 'action' = 'ticket.issue'"
)


def tickets(db: Database, device: str, since: int, now: int) -> list[AuditRow]:
    """Return the tickets of a lock that were issued since a time and still live, newest first."""
    rows = db.all(
        f"{_TICKETS} AND entry ->> '$.detail.expires' > ?3 ORDER BY n DESC LIMIT 1000",
        (device, first_since(db, since), now),
    )
    return [AuditRow(*row) for row in rows]


def last_ticket(db: Database, device: str, gateway: str, since: int) -> AuditRow | None:
    """Return the last ticket of a lock that a gateway (typed address) took since a time."""
    row = db.one(
        f"{_TICKETS} AND entry ->> 'actor' = ?3 ORDER BY n DESC LIMIT 1",
        (device, first_since(db, since), gateway),
    )
    return None if row is None else AuditRow(*row)
