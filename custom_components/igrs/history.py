"""The log of one lock: shown here as events, and handed to the RAS (protocol 8).

Each record is shown once and reaches the RAS once, in the lock's order; what is read while the
RAS is away waits in the file.
"""

import asyncio
from collections.abc import Callable, Iterable
from itertools import batched
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback

from .access import BOLT_EVENTS, Access, Deed, from_record, refused
from .answers import Told
from .asker import Asker
from .igrs_codec.bsld.frame import MAX_U16, Event, Record, is_older
from .ras import GatewayClient, LogRecord
from .storage import Memory

MOST_UNSENT: Final = 1024  # records that wait for the RAS; the oldest go first
MOST_DEEDS: Final = 64  # operations from here whose record was not read yet
UPLOAD: Final = 256  # records that are handed over at once

_TAMPERED: Final = frozenset({Event.TAMPER, Event.FORCED})

type AccessListener = Callable[[Access], None]


class History:
    """What is known of a lock's log, here and at the RAS; each has its own place in it.

    unread says that somebody else may have moved the bolt since the last record.
    """

    def __init__(self, ras: GatewayClient, file: Memory, device_id: str) -> None:
        """Go on where the file says."""
        self.unread = False
        self._ras = ras
        self._file = file
        self._device_id = device_id
        self._memory = file.lock(device_id)
        self._listeners: set[AccessListener] = set()
        self._deeds: dict[int, Deed] = {}
        self._changed_by = self._memory.last_user or self._memory.last_how
        self._telling = asyncio.Lock()
        self._sought: tuple[int, int] | None = None  # a gap that is being filled

    @property
    def changed_by(self) -> str | None:
        """Who operated last, or else how; None while that is not known."""
        return None if self.unread else self._changed_by

    @callback
    def async_on_access(self, listener: AccessListener) -> CALLBACK_TYPE:
        """Call the listener with everything that happens at the lock, and with refusals."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def first(self, *, online: bool) -> int | None:
        """Return the record to read next: for here, and for the RAS if it is there.

        None stands for all records that the lock has.
        """
        last, wanted = self._memory.last_record, self._memory.next_record
        if last is None:
            return None
        unseen = (last + 1) & MAX_U16
        if not online or self._memory.unsent:
            return unseen
        return unseen if wanted is not None and is_older(unseen, wanted) else wanted

    @callback
    def did(self, deed: Deed) -> None:
        """Remember an operation from here, for when its record is read."""
        self._deeds[deed.number] = deed
        if len(self._deeds) > MOST_DEEDS:
            del self._deeds[next(iter(self._deeds))]
        self._changed_by, self.unread = deed.asker.shown, False

    @callback
    def refused(self, asker: Asker, reason: str) -> None:
        """Show that somebody was refused here."""
        self._tell(refused(asker, reason))

    @callback
    def async_happened(self, access: Access) -> None:
        """Show what others say of this lock."""
        self._tell(access)

    @callback
    def take(self, records: Iterable[Record]) -> None:
        """Keep records for the RAS, but those that it has or is to get already."""
        memory = self._memory
        newest = memory.unsent[-1].number if memory.unsent else None
        if newest is None and memory.next_record is not None:
            newest = (memory.next_record - 1) & MAX_U16
        new = [it for it in records if newest is None or is_older(newest, it.number)]
        memory.unsent = [*memory.unsent, *new][-MOST_UNSENT:]
        self._file.save()

    async def async_tell(self) -> dict[int, Told]:
        """Hand the kept records to the RAS and return what it says of them, or raise RasError.

        Records that it misses are read once more; gap stays if the lock has them no longer.
        """
        async with self._telling:
            sent: set[int] = set()
            told: dict[int, Told] = {}
            gap: tuple[int, int] | None = None
            memory = self._memory
            try:
                for batch in batched(memory.unsent, UPLOAD, strict=False):
                    receipt = await self._ras.upload_log(self._device_id, map(_as_json, batch))
                    memory.unsent = [it for it in memory.unsent if it not in batch]
                    memory.next_record = receipt.next & MAX_U16
                    sent |= {record.number for record in batch}
                    told |= receipt.told
                    gap = gap or receipt.gap
            finally:
                if sent:
                    self._judge_gap(sent, gap)
                    self._file.save()
            return told

    def _judge_gap(self, sent: set[int], gap: tuple[int, int] | None) -> None:
        """Follow a gap in what the RAS has: sought at the lock first, then told."""
        memory = self._memory
        if memory.gap is not None and memory.gap[0] in sent:
            memory.gap = None
        if self._sought is not None and self._sought[0] not in sent:
            memory.gap = self._sought
        self._sought = gap
        if gap is not None:
            memory.next_record = gap[0]

    @property
    def seeks(self) -> bool:
        """Whether the log has to be read once more, for records that the RAS misses."""
        return self._sought is not None

    @callback
    def show(self, records: Iterable[Record], told: dict[int, Told]) -> None:
        """Show the records that are newer than those shown before."""
        memory = self._memory
        for record in records:
            last = memory.last_record
            if last is not None and not is_older(last, record.number):
                continue
            memory.last_record = record.number
            self._note(record)
            access = from_record(
                record,
                deed=self._deeds.pop(record.number, None),
                told=told.get(record.number),
                name=self._file.names.get(record.uid),
            )
            if access is None:
                continue
            if record.event in BOLT_EVENTS:
                self._changed_by = access.shown
                memory.last_user, memory.last_how = access.user, access.how
            if last is not None:  # what happened before this lock came here is no news
                self._tell(access)
        self.unread = False
        self._file.save()

    @callback
    def described(self, records: Iterable[Record]) -> list[Access]:
        """Return what records say, as far as it is known here; some are nobody's business."""
        names = self._file.names
        found = (
            from_record(record, deed=None, told=None, name=names.get(record.uid))
            for record in records
        )
        return [access for access in found if access is not None]

    def _note(self, record: Record) -> None:
        if record.event in _TAMPERED:
            self._memory.tampered = True
        elif record.event is Event.ALARM_CLEARED:
            self._memory.tampered = False

    def _tell(self, access: Access) -> None:
        for listener in tuple(self._listeners):
            listener(access)


def _as_json(record: Record) -> LogRecord:
    return LogRecord(
        record=record.number,
        uid=record.uid,
        method=record.method,
        event=record.event,
        detail=record.detail,
        time=record.time,
        boot_time=record.boot_time,
    )
