"""The audit by what it is about (project profile, section 8).

Each entry has one key or a few. The keys of many are written at once, some time after their
entries, which costs a ticket less than to write them with it. What is not yet written is in memory;
nothing is lost with it, since the keys can be read from the entries.
"""

from typing import Any, Final, NamedTuple

import orjson

from .audit import AuditRow
from .db import Database

_BATCH: Final = 256  # entries
_CHUNK: Final = 1000  # entries
_ENTRIES: Final = "SELECT n, entry, hash FROM audit_key JOIN audit USING (n) WHERE key = ?"

ABOUT: Final = ""
"""What was done to an address, but for its tickets: they are most of an audit."""
TICKET: Final = "ticket "
"""The tickets of a lock."""
BY: Final = "by "
"""What a person did."""
_OPERATION: Final = "operation "
_ANSWER: Final = "answer {} "
"""The answers of a lock that told an event counter."""
_TRANSFER: Final = "transfer "


def keys(entry: dict[str, Any]) -> list[str]:
    """Return the keys of an entry: the kind of each, and the address or name it is for."""
    action, address, detail = entry["action"], entry["object"], entry["detail"]
    found = [(TICKET if action == "ticket.issue" else ABOUT) + address]
    if (actor := entry["actor"]).startswith("user:"):
        found.append(BY + actor)
    if (operation := detail.get("operation")) is not None:
        found.append(_OPERATION + operation)
    if action == "lock.answer":
        found.append(_ANSWER.format(detail.get("event")) + address)
    elif action == "device.transfer":
        found.append(_TRANSFER + address)
    return found


class View(NamedTuple):
    """A part of the audit: what is found for an address, only what is from a time and an entry on.

    Without another kind that is what was done to the address.
    """

    address: str
    kinds: tuple[str, ...] = (ABOUT, TICKET)
    since: int = 0
    first: int = 0


class AuditIndex:
    """Finds entries by their keys."""

    def __init__(self, db: Database) -> None:
        """Write the keys that are missing since the last process."""
        self._db = db
        self._pending: list[tuple[int, dict[str, Any]]] = []
        self._stale = True
        """Whether what is in memory is no longer what is missing in the table."""
        db.on_rollback(self._forget)
        self._catch_up()

    def add(self, n: int, entry: dict[str, Any]) -> None:
        """Take the newest entry."""
        self._pending.append((n, entry))
        if len(self._pending) >= _BATCH:
            self._catch_up()

    def page(
        self, views: list[View], start: int, limit: int, *, newest_first: bool
    ) -> list[AuditRow]:
        """Return the entries of views after a number, or before it the newest first."""
        side, order = ("<", "DESC") if newest_first else (">", "ASC")
        found = {
            row.n: row
            for view in views
            for kind in view.kinds
            for row in self._all(
                f"{_ENTRIES} AND n {side} ? AND n >= ? AND entry ->> 'ts' >= ?"
                f" ORDER BY n {order} LIMIT ?",
                (kind + view.address, start, view.first, view.since, limit),
            )
        }
        return [found[n] for n in sorted(found, reverse=newest_first)[:limit]]

    def views_of(self, user_id: str) -> list[View]:
        """Return what a person sees: what he did, what was done to him, his devices and gateways.

        Of a device he sees what was since it is his: since its registration or last transfer.
        """
        me = f"user:{user_id}"
        self._catch_up()
        rows = self._db.all(
            "SELECT 'dev:' || device_id AS object, registration AS since FROM device"
            " WHERE owner = ?1 UNION ALL SELECT 'gw:' || gateway_id, 0 FROM gateway"
            " WHERE user_id = ?1",
            (user_id,),
        )
        devices = [
            View(row["object"], since=row["since"], first=self._transferred(row["object"]))
            for row in rows
        ]
        return [View(me, (BY,)), View(me), *devices]

    def _transferred(self, address: str) -> int:
        row = self._db.one(
            "SELECT max(n) AS n FROM audit_key WHERE key = ?", (_TRANSFER + address,)
        )
        return 0 if row is None else row["n"] or 0

    def of_operation(self, operation: str, limit: int = 1000) -> list[AuditRow]:
        """Return the entries of an operation, in order."""
        return self._all(f"{_ENTRIES} ORDER BY n LIMIT ?", (_OPERATION + operation, limit))

    def answers_with(self, address: str, event: int, since: int) -> list[AuditRow]:
        """Return the answers of a device, since a time, that told this event counter, in order."""
        return self._all(
            f"{_ENTRIES} AND entry ->> 'ts' >= ? ORDER BY n LIMIT 100",
            (_ANSWER.format(event) + address, since),
        )

    def _all(self, statement: str, parameters: tuple[Any, ...]) -> list[AuditRow]:
        self._catch_up()
        return [AuditRow(*row) for row in self._db.all(statement, parameters)]

    def _catch_up(self) -> None:
        """See to it that all keys are in the table."""
        if self._stale:
            self._read()
        elif self._pending:
            self._write()

    def _forget(self) -> None:
        self._stale = True

    def _read(self) -> None:
        """Write the keys of all entries that have none yet, from the entries."""
        self._stale = False
        self._pending.clear()
        row = self._db.one("SELECT n FROM audit_keyed")
        last = 0 if row is None else row["n"]
        while rows := self._db.all(
            "SELECT n, entry FROM audit WHERE n > ? ORDER BY n LIMIT ?", (last, _CHUNK)
        ):
            self._pending = [(row["n"], orjson.loads(row["entry"])) for row in rows]
            last = rows[-1]["n"]
            self._write()

    def _write(self) -> None:
        pending, self._pending = self._pending, []
        rows = [(key, n) for n, entry in pending for key in keys(entry)]
        self._db.append("INSERT INTO audit_key VALUES (?, ?)", *rows)
        self._db.execute("UPDATE audit_keyed SET n = ?", pending[-1][:1], durable=False)
