"""What a lock keeps over a power loss, and in what order (project profile, protocol 10).

Three kinds: the ownership record (replaced atomically), log records of 14 bytes and
time entries of 6 bytes (appended). Checksums are the memory's own affair.
"""

from contextlib import suppress
from struct import Struct
from typing import Final, NamedTuple, Protocol, Self

from ..errors import FrameError
from .frame import Event, LockState, Method, Record

_RECORD: Final = Struct(">HIBBBIB")
_BOOT_TIME: Final = 0x80
_TIME: Final = Struct(">IH")


class Memory(Protocol):
    """Durable storage: every write has happened when it returns."""

    def ownership(self) -> bytes | None:
        """Return the newest readable ownership record, None if there is none."""
        ...

    def write_ownership(self, data: bytes) -> None:
        """Replace the ownership record, wholly or not at all."""
        ...

    def records(self) -> list[bytes]:
        """Return the log records, oldest first."""
        ...

    def append_record(self, data: bytes) -> None:
        """Append a log record."""
        ...

    def erase_records(self) -> None:
        """Erase the log."""
        ...

    def times(self) -> list[bytes]:
        """Return the time entries, oldest first."""
        ...

    def append_time(self, data: bytes) -> None:
        """Append a time entry."""
        ...


class Entry(NamedTuple):
    """A record of the log and the state it led to (14 bytes)."""

    record: Record
    state: LockState

    def __bytes__(self) -> bytes:
        """Return what is stored."""
        record = self.record
        method = record.method | (_BOOT_TIME if record.boot_time else 0)
        return _RECORD.pack(
            record.number,
            record.uid,
            method,
            record.event,
            record.detail,
            record.time,
            self.state.to_byte(),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what was stored, or raise FrameError."""
        number, uid, method, event, detail, time, state = _RECORD.unpack(data)
        try:
            record = Record(
                number=number,
                uid=uid,
                method=Method(method & ~_BOOT_TIME),
                event=Event(event),
                detail=detail,
                time=time,
                boot_time=bool(method & _BOOT_TIME),
            )
        except ValueError:
            raise FrameError("not a log record") from None
        return cls(record, LockState.from_byte(state))


def entries(memory: Memory) -> list[Entry]:
    """Return the log, oldest first; what cannot be read is skipped."""
    found = []
    for data in memory.records():
        with suppress(FrameError):
            found.append(Entry.from_bytes(data))
    return found


class TimeEntry(NamedTuple):
    """The time (u32) when something was written, and the number of the boot (u16)."""

    time: int
    boot: int

    def __bytes__(self) -> bytes:
        """Return what is stored."""
        return _TIME.pack(*self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what was stored."""
        return cls(*_TIME.unpack(data))
