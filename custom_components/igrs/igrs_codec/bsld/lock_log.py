"""The lock's log: numbered records that survive a power loss (project profile).

Protocol 8.2 and 15.1. The number of the newest record is the event counter (u16, it
wraps). The time is stored with every record, every administration frame and hourly.
"""

from collections import deque
from itertools import islice
from typing import Final, Self

from .frame import MAX_U16, Event, LockState, Method, Record, is_older
from .lock_clock import LockClock
from .lock_memory import Entry, Memory, TimeEntry, entries

KEPT: Final = 512
BATCH: Final = 16  # records per request
STORE_SECONDS: Final = 3600
_WIPED: Final = 1024  # so many numbers before first_record can a wiped log reach


class Log:
    """The newest records and the event counter; boot is the number of this boot."""

    def __init__(
        self, memory: Memory, clock: LockClock, *, counter: int = 0, boot: int = 1
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._boot = boot
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._stored_at = clock.uptime
        self.counter = counter
        self.last_state: LockState | None = None

    @classmethod
    def recall(
        cls, memory: Memory, clock: LockClock, *, first_record: int | None, boot: int
    ) -> Self:
        """Read the log after a power loss, and finish a wipe that it cut short.

        first_record is None if nobody knows which records belong to the owner.
        """
        counter = 0 if first_record is None else (first_record - 1) & MAX_U16
        log = cls(memory, clock, counter=counter, boot=boot)
        kept = entries(memory)
        if not kept:
            return log
        newest = kept[-1].record.number
        if first_record is not None and 0 < (first_record - newest) & MAX_U16 <= _WIPED:
            memory.erase_records()
            return log
        log._records.extend(entry.record for entry in kept)
        log.counter = newest
        log.last_state = kept[-1].state
        return log

    @property
    def next_number(self) -> int:
        """The number of the next record."""
        return (self.counter + 1) & MAX_U16

    @property
    def store_at(self) -> int:
        """The uptime at which the time is to be stored again."""
        return self._stored_at + STORE_SECONDS

    def append(
        self, event: Event, state: LockState, *, uid: int, method: Method, detail: int
    ) -> Record:
        """Write a record and the time, and count it."""
        record = Record(
            number=self.next_number,
            uid=uid,
            method=method,
            event=event,
            detail=detail,
            time=self._clock.time,
            boot_time=not self._clock.is_set,
        )
        self._memory.append_record(bytes(Entry(record, state)))
        self.store_time()
        self._records.append(record)
        self.counter = record.number
        return record

    def store_time(self) -> None:
        """Write the time down: after a power loss it cannot be earlier."""
        self._memory.append_time(bytes(TimeEntry(self._clock.lower_bound, self._boot)))
        self._stored_at = self._clock.uptime

    def since(self, number: int) -> list[Record]:
        """Return at most 16 records, from the oldest not older than number on."""
        kept = (record for record in self._records if not is_older(record.number, number))
        return list(islice(kept, BATCH))

    def wipe(self) -> None:
        """Erase all records; the counter goes on."""
        self._memory.erase_records()
        self._records.clear()
