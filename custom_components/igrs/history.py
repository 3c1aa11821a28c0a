"""The log of one lock: shown here as events, and handed to the RAS (protocol 8)."""

from collections.abc import Callable, Iterable
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback

from .carrier import Log
from .igrs_codec.bsld.frame import MAX_U16, Event, Record, is_older
from .ras import GatewayClient, LogRecord
from .storage import Memory

_ACCESS: Final = {Event.LOCK, Event.UNLOCK, Event.OPEN}

type RecordListener = Callable[[Record, str | None], None]


class History:
    """What is known of a lock's log, here and at the RAS; each has its own place in it.

    changed_by is the name of who operated last, or else how it was done.
    """

    def __init__(self, ras: GatewayClient, file: Memory, device_id: str) -> None:
        """Go on where the file says."""
        self.changed_by: str | None = None
        self._ras = ras
        self._file = file
        self._device_id = device_id
        self._memory = file.lock(device_id)
        self._listeners: set[RecordListener] = set()

    @callback
    def async_on_record(self, listener: RecordListener) -> CALLBACK_TYPE:
        """Call the listener with each new record, and the user's name if it is known."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def first(self, *, online: bool) -> int | None:
        """Return the record to read next: for the RAS if it is there, else for here.

        None stands for all records that the lock has.
        """
        if online:
            return self._memory.next_record
        last = self._memory.last_record
        return None if last is None else (last + 1) & MAX_U16

    @callback
    def show(self, records: Iterable[Record]) -> None:
        """Show the records that are newer than those shown before."""
        for record in records:
            last = self._memory.last_record
            if last is not None and not is_older(last, record.number):
                continue
            self._memory.last_record = record.number
            self._file.save()
            user = self._file.names.get(record.uid)
            if record.event in _ACCESS:
                self.changed_by = user or record.method.name.lower()
            if last is not None:  # what happened before this lock came here is no news
                for listener in self._listeners:
                    listener(record, user)

    async def async_tell(self, log: Log) -> None:
        """Hand the records to the RAS, which says where to go on; or raise RasError."""
        receipt = await self._ras.upload_log(
            self._device_id, log.lock_time, map(_as_json, log.records)
        )
        self._memory.next_record = receipt.next & MAX_U16
        self._file.save()


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
