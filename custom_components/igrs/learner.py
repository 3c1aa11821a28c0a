"""What a lock does not send by itself: its state after silence, its version, its log."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
import time
from typing import Any, Final, Protocol

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .access import Access
from .answers import Told
from .carrier import Carrier
from .const import LOGGER
from .errors import LockError
from .history import History
from .igrs_codec.bsld.frame import MAX_U16
from .igrs_codec.bsld.tracker import ASK_INTERVAL, Tracker
from .ras_errors import RasError
from .storage import LockMemory

RECORDS_DELAY: Final = 10  # seconds from a change seen from outside until its record is read
FIRST_PAUSE: Final = 30  # seconds after a failure until the next try; it doubles up to the longest
LONGEST_PAUSE: Final = 300


class Owner(Protocol):
    """Whose lock it is."""

    @property
    def online(self) -> bool:
        """Whether the RAS is there."""

    def learnt(self) -> None:
        """Show what was learnt."""

    def version_known(self) -> None:
        """Show what the lock is and can do."""

    def work(self, work: Coroutine[Any, Any, object], what: str) -> None:
        """Do something in the background."""


class Learner:
    """Connects for what is worth a connection, one session at a time."""

    def __init__(
        self,
        hass: HomeAssistant,
        owner: Owner,
        *,
        carrier: Carrier,
        tracker: Tracker,
        history: History,
        memory: LockMemory,
    ) -> None:
        """Know nothing yet."""
        self.busy = False
        self._hass = hass
        self._owner = owner
        self._carrier = carrier
        self._tracker = tracker
        self._history = history
        self._memory = memory
        self._again = False
        self._owed = False  # asked for, and not done yet
        self._try_at = 0.0
        self._pause = FIRST_PAUSE
        self._learning = asyncio.Lock()
        self._learnt_at: float | None = None
        self._stop_records: CALLBACK_TYPE | None = None

    @callback
    def async_stop(self) -> None:
        """Forget what was to be read later."""
        if self._stop_records is not None:
            self._stop_records()
            self._stop_records = None

    @property
    def may_ask(self) -> bool:
        """Whether the lock is heard, and has not been asked lately."""
        learnt_at = self._learnt_at
        return (
            bool(self._memory.tickets)
            and self._tracker.available(time.time())
            and (learnt_at is None or time.monotonic() - learnt_at > ASK_INTERVAL)
        )

    @callback
    def async_records_soon(self) -> None:
        """Read the records of a change, together with those that follow it at once."""
        if self._stop_records is None:
            self._stop_records = async_call_later(self._hass, RECORDS_DELAY, self._read_records)

    @callback
    def _read_records(self, _: datetime) -> None:
        self._stop_records = None
        if self.is_behind:
            self.async_soon()

    @property
    def is_behind(self) -> bool:
        """Whether the lock has records that were not read."""
        shown = self._tracker.shown
        return shown is not None and shown.counter != self._memory.last_record

    @callback
    def async_soon(self) -> None:
        """Learn in the background; once more if it is being done already."""
        if self.busy:
            self._again = True
        else:
            self._owed = self.busy = True
            self._owner.work(self.async_learn_all(), "learning")

    @callback
    def async_catch_up(self) -> None:
        """Try once more what failed, after a pause."""
        if self._owed and not self.busy and time.monotonic() >= self._try_at:
            self.async_soon()

    async def async_learn_all(self) -> None:
        """Learn as often as it is asked for, and once more for records that the RAS misses.

        Where a link broke while the log was read the rest of it is read as well.
        """
        sought = False
        try:
            while True:
                self._again = False
                await self.async_learn()
                seeks = self._history.seeks and not sought
                sought |= seeks
                if not (self._again or seeks or self._owed):
                    return
        except LockError:
            self._try_at = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            raise
        finally:
            self.busy = False

    async def async_learn(self) -> None:
        """Read the state, what the lock can do and its log, in one session; or raise LockError."""
        self._learnt_at = time.monotonic()
        async with self._learning:  # what one reads the next need not
            known, before = self._memory.version, self._memory.last_record
            log = await self._carrier.async_learn(self._history.first(online=self._owner.online))
            if self._memory.version != known:
                self._owner.version_known()
            self._history.take(log)
            self._history.show(log, await self.async_tell())
            self._owed = self.is_behind and self._memory.last_record != before
            self._pause = FIRST_PAUSE
            self._owner.learnt()

    async def async_read(self, count: int) -> list[Access]:
        """Return what the newest records say, the oldest first; or raise LockError."""
        await self.async_learn()
        if (newest := self._memory.last_record) is None:
            return []
        log = await self._carrier.async_learn((newest - count + 1) & MAX_U16)
        return self._history.described(log[-count:])

    async def async_tell(self) -> dict[int, Told]:
        """Hand to the RAS what it has not got yet, if it is there."""
        if not self._owner.online:
            return {}
        try:
            return await self._history.async_tell()
        except RasError as err:
            LOGGER.debug("Records wait for the RAS: %s", err)
            return {}
