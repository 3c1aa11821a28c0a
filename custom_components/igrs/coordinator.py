"""What Home Assistant knows of one lock, and when it connects to learn more.

The state comes from authenticated advertisements, without connecting, and from the answers
of sessions; one order holds for both (project profile, protocol 11). The log says who did it.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
import time
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .adverts import Adverts
from .answers import Tickets
from .asker import Asker
from .carrier import Carrier
from .const import CONF_DEVICE_ID, DOMAIN, LOGGER
from .device import async_describe
from .errors import LockError, Reason
from .history import History
from .igrs_codec.bsld.frame import Bolt, Capability, LockState, Operation
from .igrs_codec.bsld.keys import device_id_from_text
from .igrs_codec.bsld.tracker import ASK_INTERVAL, MEMORY, Shown, Tracker, Verdict, Want
from .learner import Learner
from .operations import Operations
from .ras import GatewayClient
from .storage import Memory
from .supply import Supply
from .timeline import Timeline
from .work import Work

if TYPE_CHECKING:
    from .gateway import Gateway, IgrsConfigEntry

RENEW_AFTER: Final = 6 * 3600  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LockData:
    """What the entities of a lock show.

    bolt is unknown while an operation has not been answered, and without evidence for 300 s;
    heard says whether the lock is in reach, asked what is under way from here; state and
    battery are those of the last accepted advert or answer.
    """

    bolt: Bolt = Bolt.UNKNOWN
    heard: bool = False
    state: LockState | None = None
    battery: int | None = None
    asked: Operation | None = None
    changed_by: str | None = None


class IgrsCoordinator(DataUpdateCoordinator[LockData]):
    """One lock."""

    config_entry: IgrsConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: IgrsConfigEntry,
        subentry: ConfigSubentry,
        *,
        gateway: Gateway,
        ras: GatewayClient,
        memory: Memory,
        hub_device_id: str,
    ) -> None:
        """Know nothing yet; `async_start` listens."""
        super().__init__(hass, LOGGER, config_entry=entry, name=subentry.title)
        self.subentry_id = subentry.subentry_id
        self.device_id: str = subentry.data[CONF_DEVICE_ID]
        self.address = ":".join(self.device_id[i : i + 2] for i in range(0, 12, 2))
        self.hub_device_id = hub_device_id
        self.memory = memory.lock(self.device_id)
        self.data = LockData()
        self.timeline: Timeline | None = None  # of the newest operation from here
        self.last_update_success = False
        self._gateway = gateway
        self._file = memory
        self.history = History(ras, memory, self.device_id)
        self._tracker = Tracker(device_id_from_text(self.device_id), self.memory.k_adv)
        self._carrier = Carrier(
            hass,
            ras=ras,
            memory=self.memory,
            tracker=self._tracker,
            device_id=self.device_id,
            address=self.address,
            name=subentry.title,
            observer=self,
        )
        self.adverts = Adverts(
            hass,
            tracker=self._tracker,
            device_id=self.device_id,
            address=self.address,
            name=subentry.title,
            clock_confirmed=lambda: self._gateway.clock_confirmed,
            judged=self._judged,
        )
        self.learner = Learner(
            hass,
            self,
            carrier=self._carrier,
            tracker=self._tracker,
            history=self.history,
            memory=self.memory,
        )
        self._operations = Operations(
            ras=ras,
            file=memory,
            device_id=self.device_id,
            gateway_name=entry.title,
            carrier=self._carrier,
            tracker=self._tracker,
            history=self.history,
            learner=self.learner,
            online=lambda: self.online,
            keep=self.keep,
        )
        self.supply = Supply(
            ras,
            self.device_id,
            file=memory,
            carrier=self._carrier,
            tracker=self._tracker,
            keep=self.keep,
            changed=self.async_update_listeners,
        )
        self._work = Work(hass, entry, self.device_id, subentry.title)
        self._shown: Shown | None = None
        self._stop_gone: CALLBACK_TYPE | None = None
        self._renewed_at = float(-ASK_INTERVAL)  # by the clock that nobody sets
        self._asked: list[tuple[Operation, Asker]] = []  # under way or waiting, by their turns
        # What the tracker asks for, and who does it.
        self._wanted: dict[Want, Callable[[], None]] = {
            Want.KEYS: self.async_renew_soon,
            Want.TIME: lambda: self.work(self.supply.async_set_time(), "clock"),
            Want.STATE: self.learner.async_soon,
        }
        self._awaited: list[tuple[Capability, CALLBACK_TYPE]] = []  # for the lock to be able

    @property
    def online(self) -> bool:
        """Whether the RAS is there."""
        return self._gateway.online

    @property
    def asker(self) -> Asker | None:
        """Who asked for what is under way from here."""
        return self._asked[0][1] if self._asked else None

    # What the entities use

    @callback
    def async_when_able(self, capability: Capability, listener: CALLBACK_TYPE) -> None:
        """Call the listener once the lock has said that it can do something."""
        if self.can(capability):
            listener()
        else:
            self._awaited.append((capability, listener))

    def can(self, capability: Capability) -> bool:
        """Return whether the lock has said that it can do something."""
        version = self.memory.version
        return version is not None and capability in version.capabilities

    async def async_operate(
        self, operation: Operation, asker: Asker, pin: str | None = None
    ) -> None:
        """Lock, unlock or open, and wait until it is done; or raise LockError."""
        asked = (operation, asker)
        self._asked.append(asked)
        self._show()
        try:
            await self._operations.async_do(operation, asker, pin)
        finally:
            self._asked.remove(asked)
            self._show()
            if self._tracker.in_doubt:
                self.learner.async_soon()  # for the state
        self.learner.async_soon()  # for the record of it

    @override
    async def _async_update_data(self) -> LockData:
        """Connect for the state: somebody asked for an update."""
        try:
            await self.learner.async_learn()
        except LockError as err:
            if not self._tracker.available(time.time()):
                raise UpdateFailed(
                    translation_domain=DOMAIN,
                    translation_key=err.translation_key,
                    translation_placeholders=err.translation_placeholders,
                ) from err
        return self.data

    # What the gateway calls

    @callback
    def async_start(self) -> None:
        """Listen to the lock's adverts."""
        self.adverts.async_start()

    @override
    async def async_shutdown(self) -> None:
        """End what is under way, hang up, and stop listening."""
        await super().async_shutdown()
        self.adverts.async_stop()
        self._work.end()
        await self._carrier.async_close()
        self.learner.async_stop()
        if self._stop_gone is not None:
            self._stop_gone()
            self._stop_gone = None

    @callback
    def async_tick(self) -> None:
        """Do what is due."""
        tickets = self.memory.tickets.values()
        now = time.time()
        old = all(ticket.issued + RENEW_AFTER < now for ticket in tickets)
        if self.online:
            if old and time.monotonic() - self._renewed_at > ASK_INTERVAL:
                self.async_renew_soon()
            self.async_tell_soon()
        self.learner.async_catch_up()
        self._attend()

    async def async_relay(self, exchange_id: str, accept: Callable[[], Awaitable[None]]) -> None:
        """Accept a remote operation and carry it; raise LockError or RasError."""
        if self._operations.overtaken:
            raise LockError(Reason.BUSY)
        await self._carrier.async_relay(exchange_id, accept)
        if self.asker is None:  # else its record is read once it is known who asked here
            self.learner.async_soon()

    @callback
    def async_tell_soon(self) -> None:
        """Hand the RAS what was read, and answered, while it was away."""
        if self.memory.unsent:
            self.work(self.learner.async_tell(), "log")
        if self.memory.answers:
            self.work(self.supply.async_report(), "queued frame")

    @callback
    def async_renew_soon(self) -> None:
        """Fetch new tickets and keys in the background."""
        self._renewed_at = time.monotonic()
        self.work(self.supply.async_renew(), "tickets")

    # What the lock shows

    @callback
    def _judged(self, verdict: Verdict) -> None:
        """Show what an advert brought, and do what it asks for."""
        if verdict is Verdict.ACCEPTED:
            before, after = self._shown, self._tracker.shown
            changed = before is None or after is None or before.counter != after.counter
            if changed and _is_more_than_a_door(before, after):
                self.history.unread |= self.asker is None and self.learner.is_behind
                self.learner.async_records_soon()
            self._accepted()
            if changed:
                self._gateway.async_tell()
        self._attend()

    @callback
    def state_answered(self) -> None:
        """Show what a session brought, or that the bolt is in doubt (called by the carrier)."""
        shown = self._tracker.shown
        if shown is not None and shown is not self._shown:
            self._accepted()
        else:
            self._show()

    @callback
    def clock_agreed(self) -> None:
        """Believe the own clock, for all locks (called by the carrier)."""
        self._gateway.async_clock_agreed()

    @callback
    def clock_wrong(self) -> None:
        """Have the lock's clock set (called by the carrier)."""
        self._tracker.clock_is_wrong()
        self._attend()

    @callback
    def log_grew(self) -> None:
        """Read the log: the lock has a new record (called by the carrier)."""
        self.learner.async_soon()

    @callback
    def keep(self, tickets: Tickets, person: str | None = None) -> None:
        """Keep what the RAS handed out for a person, or for the household."""
        if self._shutdown_requested:
            return  # the lock is not here any more
        self._file.keep(self.device_id, tickets.tickets, tickets.k_adv, person)
        self._tracker.set_keys(self.memory.k_adv)
        self.async_update_listeners()
        self.adverts.async_hear_again()

    @callback
    def delivered(self, notifications: tuple[bytes, ...]) -> None:
        """Tell the RAS what answers a queued frame (called by the carrier)."""
        self.supply.answered(notifications)
        self.work(self.supply.async_report(), "queued frame")

    async def reported(self) -> None:
        """Tell the RAS now what it has not got of that (called by the carrier)."""
        await self.supply.async_tell()

    async def make_room(self) -> None:
        """Hang up where a connection is only kept for later (called by the carrier)."""
        await self._gateway.async_make_room()

    async def async_rest(self) -> None:
        """Give the connection up, if it is only kept for later."""
        await self._carrier.async_rest()

    @callback
    def _accepted(self) -> None:
        """Show the state, and count again until it is too old."""
        if not self.last_update_success:
            LOGGER.info("%s is in range", self.name)
            self.last_update_success = True
        if self._stop_gone is not None:
            self._stop_gone()
        self._stop_gone = async_call_later(self.hass, MEMORY, self._gone)
        self._shown = self._tracker.shown
        self._show()

    @callback
    def _gone(self, _: datetime) -> None:
        """Show nothing of the lock any more: nothing authentic was heard for 300 s."""
        LOGGER.info("%s is out of range", self.name)
        self._stop_gone = None
        self.last_update_success = False
        self._show()

    def _show(self) -> None:
        shown = self._tracker.shown
        self.data = LockData(
            bolt=self._tracker.bolt if self.last_update_success else Bolt.UNKNOWN,
            heard=self.adverts.heard,
            state=None if shown is None else shown.state,
            battery=None if shown is None else shown.battery,
            asked=self._asked[0][0] if self._asked else None,
            changed_by=self.history.changed_by,
        )
        self.async_update_listeners()

    # What is due

    @callback
    def _attend(self) -> None:
        """Show whether the lock is in reach, and begin the next thing that is asked for."""
        if self.adverts.heard is not self.data.heard:
            self._show()
        now = time.time()
        want = self._tracker.wants(now, online=self.online)
        if want is not None:
            self._tracker.asked(want, now)
            self._wanted[want]()
        elif self.memory.version is None and self.learner.may_ask:
            self.learner.async_soon()

    def work(self, work: Coroutine[Any, Any, object], what: str) -> None:
        """Do something in the background, as long as the lock is here."""
        self._work.begin(work, what)

    @callback
    def learnt(self) -> None:
        """Show what was learnt (called by the learner)."""
        self._show()

    @callback
    def version_known(self) -> None:
        """Show what the lock is and can do (called by the learner)."""
        self._file.save()
        async_describe(self.hass, self.config_entry.entry_id, self.device_id, self.memory.version)
        awaited, self._awaited = self._awaited, []
        for capability, listener in awaited:
            self.async_when_able(capability, listener)


def _is_more_than_a_door(before: Shown | None, after: Shown | None) -> bool:
    """Return whether a change is worth a connection: a door alone is read with the next."""
    if before is None or after is None or before.state.door is after.state.door:
        return True
    return replace(before.state, door=after.state.door) != after.state
