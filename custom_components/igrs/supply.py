"""What the RAS hands out for one lock: tickets, queued frames, how the lock is to be set.

Project profile, API 5.
"""

import asyncio
from collections.abc import Callable, Iterable
import time
from typing import Final

from homeassistant.core import callback

from .answers import Tickets
from .carrier import TICKET_RIGHTS, TICKET_TTL, Carrier
from .const import LOGGER
from .errors import LockError
from .igrs_codec.bsld.tracker import Tracker, Want
from .ras import GatewayClient
from .ras_errors import RasError, RasRefusedError
from .storage import Memory

TIME_PAUSE: Final = 60  # seconds until a clock that was not set is tried again; so does the RAS


class Supply:
    """The RAS's side of one lock.

    relock is after how many seconds the lock locks itself (0 is never), as it reported last;
    rotations_missed is how many scheduled re-keys are due and not done.
    """

    def __init__(
        self,
        ras: GatewayClient,
        device_id: str,
        *,
        file: Memory,
        carrier: Carrier,
        tracker: Tracker,
        keep: Callable[[Tickets], None],
        changed: Callable[[], None],
    ) -> None:
        """Ask nothing yet; keep takes new tickets, changed is told of new settings."""
        self.relock: int | None = None
        self.rotations_missed = 0
        self._ras = ras
        self._device_id = device_id
        self._file = file
        self._memory = file.lock(device_id)
        self._carrier = carrier
        self._tracker = tracker
        self._keep = keep
        self._changed = changed
        self._reporting = asyncio.Lock()
        self._delivering = asyncio.Lock()
        self._delivery_waits = False

    async def async_renew(self) -> None:
        """Fetch new tickets and keys, the queued frames and the settings, or raise RasError."""
        await self.async_tell()
        self._keep(await self._ras.tickets(self._device_id, TICKET_RIGHTS, TICKET_TTL))
        await self._async_read()

    async def async_deliver(self) -> None:
        """Let the RAS tell the lock what is due; raise LockError or RasError.

        Whoever asks while another one waits for its turn leaves it to that one.
        """
        if self._delivery_waits:
            return
        self._delivery_waits = True
        async with self._delivering:
            self._delivery_waits = False
            # The frames are known before: if it fails they go with the next connection.
            self._carrier.pending = await self._ras.pending(self._device_id)
            await self._carrier.async_deliver()
            await self._async_read()

    async def async_set_time(self) -> None:
        """Let the RAS set the lock's clock, if it can now; else raise LockError or RasError."""
        try:
            await self._carrier.async_set_time()
        except LockError, RasError:
            self._tracker.ask_again(Want.TIME, TIME_PAUSE, time.time())
            raise

    @callback
    def answered(self, notifications: Iterable[bytes]) -> None:
        """Keep what the lock answered to a queued frame, for the RAS."""
        self._memory.answers = [*self._memory.answers, *notifications]
        self._file.save()

    async def async_report(self) -> None:
        """Tell what the lock answered, and carry what follows; as async_deliver."""
        if await self.async_tell():
            await self.async_deliver()
        else:
            await self._async_read()

    async def async_tell(self) -> bool:
        """Hand over what the lock answered, once; return whether there is more for it."""
        async with self._reporting:
            told, more = tuple(self._memory.answers), False
            if not told:
                return False
            try:
                more = await self._ras.report_pending(self._device_id, told)
            except RasRefusedError as err:
                if err.retry_after is not None:
                    raise
                LOGGER.debug("The RAS has no use for answers of %s: %s", self._device_id, err)
            self._memory.answers = self._memory.answers[len(told) :]
            self._file.save()
            return more

    async def async_set_relock(self, seconds: int) -> None:
        """Have the lock lock itself after so many seconds; it confirms later. Raise RasError."""
        revision, _ = await self._ras.relock(self._device_id)
        await self._ras.set_relock(self._device_id, revision, seconds)

    async def _async_read(self) -> None:
        self._carrier.pending = await self._ras.pending(self._device_id)
        device = await self._ras.device(self._device_id)
        self.rotations_missed = device.rotations_missed
        try:
            _, self.relock = await self._ras.relock(self._device_id)
        except RasRefusedError:  # only the owner's household may know
            self.relock = None
        self._changed()
