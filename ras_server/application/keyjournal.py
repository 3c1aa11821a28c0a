"""The key journal: every new device key, in a file beside the database (protocol 10).

A key stands in it before the frame leaves that makes a lock use it. So a lock that was re-keyed
after the last backup, or whose removal was never confirmed, can still be reached.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Self

import orjson

from igrs_codec.bsld.keys import device_id_from_text

from ..vault import VaultError
from .custody import Custody
from .journal import append, rewrite

FILE: Final = "keys.journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key of a lock, sealed for its row, and when it was about to be used (Unix time)."""

    device_id: str
    gen: int
    key_id: str
    k_d: bytes = field(repr=False)
    ts: int

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read a line, or raise ValueError."""
        fields = orjson.loads(line)
        return cls(**fields | {"k_d": bytes.fromhex(fields["k_d"])})

    def to_line(self) -> bytes:
        """Return the line."""
        fields = asdict(self) | {"k_d": self.k_d.hex()}
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


class KeyJournal:
    """Appends sealed keys to a file, one JSON object per line."""

    def __init__(self, path: Path) -> None:
        """Use a file, which is created with the first key (mode 0600)."""
        self._path = path

    def append(self, entry: Entry) -> None:
        """Write a sealed key, and return when it is on the disk."""
        append(self._path, entry.to_line())

    def entries(self) -> Iterator[Entry]:
        """Yield what was written, the oldest first; a line that broke off is passed over."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                yield Entry.from_line(line)
            except ValueError, TypeError, KeyError:
                continue

    def reseal(self, custody: Custody) -> None:
        """Seal every key anew: the master key was rotated."""
        if self._path.exists():
            rewrite(self._path, [_resealed(each, custody).to_line() for each in self.entries()])

    def merge(self, other: KeyJournal) -> None:
        """Add the keys that another journal of this server has; usually one continues the other."""
        keys: dict[str, Entry] = {}
        for each in (*self.entries(), *other.entries()):
            keys.setdefault(each.key_id, each)
        rewrite(self._path, [each.to_line() for each in keys.values()])


def _resealed(entry: Entry, custody: Custody) -> Entry:
    device = device_id_from_text(entry.device_id)
    try:
        key = custody.open_key(device, entry.gen, entry.key_id, entry.k_d)
    except VaultError:  # of a master key that is gone
        return entry
    return replace(entry, k_d=custody.seal_key(key, entry.key_id))
