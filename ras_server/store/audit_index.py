"""The audit by what it is about (project profile, section 8).

Each entry has a few keys. They are written many at once, some time after their entry, for a row of
its own for each key of each entry would cost a ticket more than the entry itself. What is not yet
written is in memory; nothing is lost with it, since the keys can be read from the entries.
"""

from typing import Any, Final, NamedTuple

import orjson

from .audit import AuditRow
from .db import Database

_BATCH: Final = 200  # keys
_CHUNK: Final = 1000  # entries
_ENTRIES: Final = "SELECT n, entry, hash FROM audit_key JOIN audit USING (n) WHERE key = ?"


def about(address: str) -> str:
    """Return the key of what was done to a typed address."""
    return address


def by(address: str) -> str:
    """Return the key of what a person (a typed address) did."""
    return f"by {address}"


def keys(entry: dict[str, Any]) -> list[str]:
    """Return the keys of an entry."""
    action, address, detail = entry["action"], entry["object"], entry["detail"]
    found = [about(address)]
    if entry["actor"].startswith("user:"):
        found.append(by(entry["actor"]))
    if (operation := detail.get("operation")) is not None:
        found.append(_operation(operation))
    if action == "lock.answer":
        found.append(_answer(address, detail.get("event")))
    elif action == "device.transfer":
        found.append(_transfer(address))
    return found


def _operation(operation: str) -> str:
    return f"operation {operation}"


def _answer(address: str, event: int | None) -> str:
    return f"answer {event} {address}"


def _transfer(address: str) -> str:
    return f"transfer {address}"


class View(NamedTuple):
    """A part of the audit: the entries with a key, only what is from a time and an entry on."""

    key: str
    since: int = 0
    first: int = 0


class AuditIndex:
    """Finds entries by their keys."""

    def __init__(self, db: Database) -> None:
        """Write the keys that are missing since the last process."""
        self._db = db
        self._pending: list[tuple[str, int]] = []
        self._last = 0
        self._stale = True
        """Whether what is in memory is no longer what is missing in the table."""
        db.on_rollback(self._forget)
        self._catch_up()

    def add(self, n: int, entry: dict[str, Any]) -> None:
        """Take the keys of the newest entry."""
        self._pending += [(key, n) for key in keys(entry)]
        self._last = n
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
            for row in self._all(
                f"{_ENTRIES} AND n {side} ? AND n >= ? AND entry ->> 'ts' >= ?"
                f" ORDER BY n {order} LIMIT ?",
                (view.key, start, view.first, view.since, limit),
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
            View(about(row["object"]), row["since"], self._transferred(row["object"]))
            for row in rows
        ]
        return [View(by(me)), View(about(me)), *devices]

    def _transferred(self, address: str) -> int:
        row = self._db.one("SELECT max(n) AS n FROM audit_key WHERE key = ?", (_transfer(address),))
        return 0 if row is None else row["n"] or 0

    def of_operation(self, operation: str, limit: int = 1000) -> list[AuditRow]:
        """Return the entries of an operation, in order."""
        return self._all(f"{_ENTRIES} ORDER BY n LIMIT ?", (_operation(operation), limit))

    def answers_with(self, address: str, event: int, since: int) -> list[AuditRow]:
        """Return the answers of a device, since a time, that told this event counter, in order."""
        return self._all(
            f"{_ENTRIES} AND entry ->> 'ts' >= ? ORDER BY n LIMIT 100",
            (_answer(address, event), since),
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
        self._last = row["n"] if row is not None else 0
        while rows := self._db.all(
            "SELECT n, entry FROM audit WHERE n > ? ORDER BY n LIMIT ?", (self._last, _CHUNK)
        ):
            for row in rows:
                self._pending += [(key, row["n"]) for key in keys(orjson.loads(row["entry"]))]
            self._last = rows[-1]["n"]
            self._write()

    def _write(self) -> None:
        pending, self._pending = self._pending, []
        self._db.append("INSERT INTO audit_key VALUES (?, ?)", *pending)
        self._db.execute("UPDATE audit_keyed SET n = ?", (self._last,), durable=False)
