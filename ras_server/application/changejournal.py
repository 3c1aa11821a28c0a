"""The change journal: what a restore must not bring back (project profile, section 12).

Beside the database stands a file with every entry of the audit that takes something away from
somebody, or gives a lock away. A database restored from a backup is brought up to it: a grant that
was revoked after the backup stays revoked, a password that was reset does not work again. It holds
identifiers only.

The numbers of the audit begin again with each restore, the file goes on: it tells the whole past,
also what was left by going back, and each restore in its place.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import orjson

from ..store import audit as store
from ..store.db import Database
from .journal import append, rewrite

FILE: Final = "changes.journal"
RESTORE: Final = "server.restore"

ACTIONS: Final = frozenset(
    {
        "device.claim",
        "device.forget",
        "device.found",
        "device.lost",
        "device.removed",
        "device.transfer",
        "device.wipe",
        "gateway.manage_no_more",
        "gateway.remove",
        "gateway.rotate",
        "grant.change",
        "grant.renew",
        "grant.revoke",
        "key.rekey",
        "key.revoke_all",
        "lock.remove",
        RESTORE,
        "site.change",
        "site.dismiss",
        "site.geofence",
        "site.put_device",
        "site.remove",
        "site.take_device",
        "site.take_gateway",
        "user.lock",
        "user.remove",
        "user.reset",
        "user.totp.codes",
        "user.totp.off",
        "user.totp.on",
        "user.unlock",
        "user_row.change",
        "user_row.delete",
    }
)
"""The actions of the audit that are journaled."""


class Change(NamedTuple):
    """An entry of the audit: its number and time, what happened, by whom, to what, how it ended."""

    n: int
    ts: int
    action: str
    actor: str
    object: str
    result: int
    detail: dict[str, Any]

    @classmethod
    def from_entry(cls, entry: dict[str, Any]) -> Self:
        """Take what matters from an entry; raises KeyError."""
        return cls(*(entry[name] for name in cls._fields))

    @property
    def subject(self) -> str:
        """Return the identifier of what it happened to."""
        return self.object.partition(":")[2]


class ChangeJournal:
    """Appends changes to a file, one JSON object per line, once they are committed."""

    def __init__(self, path: Path, db: Database) -> None:
        """Use a file, which is created with the first change (mode 0600)."""
        self._path = path
        self._db = db

    def listen(self, entry: dict[str, Any]) -> None:
        """Take an entry of the audit, if it is a change; the answer to it leaves afterwards."""
        if entry["action"] in ACTIONS:
            self._db.after_commit(lambda: self._write(entry))

    def _write(self, entry: dict[str, Any]) -> None:
        row = store.get(self._db, entry["n"])
        if row is None or orjson.loads(row.entry) != entry:
            return  # it was rolled back
        append(self._path, f"{row.entry}\n".encode())

    @staticmethod
    def since(path: Path, db: Database) -> Iterator[Change]:
        """Yield what came after a database, the oldest first.

        What it knows already is told by the entries of its audit, not by their numbers: those
        return with each restore. Up to the next restore its own audit went on, so that a change
        whose number it has given to another one never came about: the power failed. After that
        everything counts.
        """
        newest = store.last(db)
        head = 0 if newest is None else newest.n
        known = (place for place, each in enumerate(_read(path), 1) if _knows(db, *each))
        left = False
        for _, change in islice(_read(path), max(known, default=0), None):
            if change.action == RESTORE:
                left = True
            elif left or change.n > head:
                yield change

    @staticmethod
    def merge(path: Path, other: Path) -> None:
        """Add the lines that another journal of this server has; usually one continues the other.

        Lines of neither are lost, if the server went on in two places: those of `other` come last.
        """
        files = [each for each in (path, other) if each.exists()]
        lines = dict.fromkeys(line for each in files for line in each.read_bytes().splitlines())
        rewrite(path, [line + b"\n" for line in lines])


def _read(path: Path) -> Iterator[tuple[str, Change]]:
    """Yield the entries that were written; a line that broke off is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                change = Change.from_entry(orjson.loads(line))
            except ValueError, TypeError, KeyError:
                continue
            if change.action in ACTIONS:
                yield line.decode().removesuffix("\n"), change


def _knows(db: Database, entry: str, change: Change) -> bool:
    row = store.get(db, change.n)
    return row is not None and row.entry == entry
