"""What the RAS hands out for one lock: tickets, queued frames, how the lock is to be set.

Project profile, API 5.
"""

from collections.abc import Callable

from .answers import Tickets
from .carrier import TICKET_RIGHTS, TICKET_TTL, Carrier
from .ras import GatewayClient
from .ras_errors import RasRefusedError


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
        carrier: Carrier,
        keep: Callable[[Tickets], None],
        changed: Callable[[], None],
    ) -> None:
        """Ask nothing yet; keep takes new tickets, changed is told of new settings."""
        self.relock: int | None = None
        self.rotations_missed = 0
        self._ras = ras
        self._device_id = device_id
        self._carrier = carrier
        self._keep = keep
        self._changed = changed

    async def async_renew(self) -> None:
        """Fetch new tickets and keys, the queued frames and the settings, or raise RasError."""
        self._keep(await self._ras.tickets(self._device_id, TICKET_RIGHTS, TICKET_TTL))
        self._carrier.pending = await self._ras.pending(self._device_id)
        await self._async_read()

    async def async_deliver(self) -> None:
        """Fetch the queued frames and carry them to the lock; raise LockError or RasError."""
        self._carrier.pending = await self._ras.pending(self._device_id)
        await self._carrier.async_deliver()

    async def async_report(self, notifications: tuple[bytes, ...]) -> None:
        """Tell what answers a queued frame, and carry what follows; as async_deliver."""
        if await self._ras.report_pending(self._device_id, notifications):
            await self.async_deliver()
        else:
            await self._async_read()

    async def async_set_relock(self, seconds: int) -> None:
        """Have the lock lock itself after so many seconds; it confirms later. Raise RasError."""
        revision, _ = await self._ras.relock(self._device_id)
        await self._ras.set_relock(self._device_id, revision, seconds)

    async def _async_read(self) -> None:
        device = await self._ras.device(self._device_id)
        self.rotations_missed = device.rotations_missed
        try:
            _, self.relock = await self._ras.relock(self._device_id)
        except RasRefusedError:  # only the owner's household may know
            self.relock = None
        self._changed()
