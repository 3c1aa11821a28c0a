"""The Bluetooth gateway (BGW) of one home: its locks on one side, the RAS on the other.

Project profile, API 4 and 8. What the RAS pushes goes to the lock it is for; what the locks
show and log goes to the RAS. While the RAS is away the locks go on by themselves.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
import time
from typing import Final

from homeassistant.components import bluetooth
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval

from .access import Access, asked_at_ras, denied_at_ras
from .access_ras import async_check_audit
from .answers import Json, PushReady
from .asker import CAUSES, remember
from .const import (
    CONF_PERSON,
    CONF_SERVER_ID,
    CONF_USER,
    LOGGER,
    SUBENTRY_LOCK,
    SUBENTRY_PERSON,
)
from .control import async_carry_out
from .coordinator import IgrsCoordinator
from .igrs_codec.bsld.tracker import clock_agrees
from .issues import CONNECTING, Issues, Trouble
from .push import Push
from .ras import GatewayClient
from .ras_errors import Code, RasAuthError, RasError, RasRefusedError, RasSchemaError
from .storage import Memory
from .voice_pin import VoicePin
from .work import Work

type IgrsConfigEntry = ConfigEntry[Gateway]

TICK: Final = timedelta(seconds=30)  # sightings are good for routing for 60 s
UPDATE_PAUSE: Final = 300  # seconds until a RAS of another version is tried again
MOST_MISSED: Final = 2  # re-keys that a lock may miss before somebody has to look

MI_RESPONSE: Final = 2


class Gateway:
    """What one config entry runs."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: IgrsConfigEntry,
        ras: GatewayClient,
        memory: Memory,
        hub_device_id: str,
    ) -> None:
        """Take the locks of the entry in; `async_start` begins."""
        self.ras = ras
        self.memory = memory
        self.server_id: str = entry.data[CONF_SERVER_ID]
        self.issues = Issues(hass, entry.entry_id)
        self.voice_pin = VoicePin(hass, entry, memory, self.issues)
        self.online = False
        self.clock_confirmed = False
        self.coordinators: dict[str, IgrsCoordinator] = {}
        self.people: dict[str, str] = {}  # of the RAS, by users of Home Assistant
        self._hass = hass
        self._entry = entry
        self._hub_device_id = hub_device_id
        self._address = f"gw:{ras.gateway_id}"
        self._begun = False
        self._work = Work(hass, entry, self.server_id, entry.title)
        self._push = Push(
            ras,
            message=self._message,
            ready=self._ready,
            lost=self._lost,
            mistrusted=self._mistrusted,
            after=memory.push_after,
        )
        self._missed_news = False  # the RAS could not tell all that happened meanwhile
        self._news = asyncio.Event()
        self._online_listeners: set[CALLBACK_TYPE] = set()
        self._lock_listeners: set[Callable[[IgrsCoordinator], None]] = set()
        self.async_follow_subentries()

    @callback
    def async_start(self) -> None:
        """Begin to listen to the locks and the RAS, once there are entities that show it."""
        unload, bus = self._entry.async_on_unload, self._hass.bus
        unload(self.issues.async_clear)
        unload(async_track_time_interval(self._hass, self._tick, TICK))
        unload(bus.async_listen(EVENT_HOMEASSISTANT_STOP, self._async_leave))
        for cause in CAUSES:
            unload(bus.async_listen(cause, remember))
        self.voice_pin.async_tell()
        self._work.begin(self._async_push(), "push")
        self._work.begin(self._async_tell(), "sightings")
        self._begun = True
        for coordinator in self.coordinators.values():
            coordinator.async_start()

    async def async_stop(self) -> None:
        """Leave the RAS and the locks."""
        self._work.end()
        await asyncio.gather(*(lock.async_shutdown() for lock in self.coordinators.values()))
        await self.memory.async_close()

    async def _async_leave(self, _: Event) -> None:
        """Hang up before Home Assistant stops."""
        await self.async_stop()

    @callback
    def async_follow_subentries(self) -> None:
        """Take in the locks that were added, and let go of those that were removed."""
        wanted = {
            subentry.subentry_id: subentry
            for subentry in self._entry.get_subentries_of_type(SUBENTRY_LOCK)
        }
        self.people = {
            subentry.data[CONF_USER]: subentry.data[CONF_PERSON]
            for subentry in self._entry.get_subentries_of_type(SUBENTRY_PERSON)
        }
        self.memory.keep_people(self.people.values())
        for subentry_id in self.coordinators.keys() - wanted.keys():
            coordinator = self.coordinators.pop(subentry_id)
            self.memory.forget(coordinator.device_id)
            self.issues.async_clear(coordinator.device_id)
            self._work.begin(coordinator.async_shutdown(), "let go of a lock")
            bluetooth.async_rediscover_address(self._hass, coordinator.address)
        for subentry_id in wanted.keys() - self.coordinators.keys():
            self._take_in(wanted[subentry_id])

    def _take_in(self, subentry: ConfigSubentry) -> None:
        coordinator = IgrsCoordinator(
            self._hass,
            self._entry,
            subentry,
            gateway=self,
            ras=self.ras,
            memory=self.memory,
            hub_device_id=self._hub_device_id,
        )
        self.coordinators[subentry.subentry_id] = coordinator
        for listener in self._lock_listeners:
            listener(coordinator)
        if self._begun:
            coordinator.async_start()
        if self.online:
            coordinator.async_renew_soon()
            self.async_tell()

    @callback
    def async_on_lock(self, listener: Callable[[IgrsCoordinator], None]) -> CALLBACK_TYPE:
        """Call the listener for each lock, now and when one is added."""
        for coordinator in self.coordinators.values():
            listener(coordinator)
        self._lock_listeners.add(listener)
        return lambda: self._lock_listeners.discard(listener)

    @callback
    def async_on_online(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the listener when the connection to the RAS comes or goes."""
        self._online_listeners.add(listener)
        return lambda: self._online_listeners.discard(listener)

    async def async_make_room(self) -> None:
        """Hang up where a connection is only kept for later: another lock needs one."""
        for coordinator in tuple(self.coordinators.values()):
            await coordinator.async_rest()

    async def _async_push(self) -> None:
        """Stay connected; a RAS that refuses the gateway asks for a new login."""
        while True:
            try:
                await self._push.run()
            except RasAuthError:
                self._entry.async_start_reauth(self._hass)
                return
            except RasSchemaError as err:
                self.issues.async_set(Trouble.SERVER_TOO_OLD, so=err.too_old)
                self.issues.async_set(Trouble.SERVER_TOO_NEW, so=not err.too_old)
            await asyncio.sleep(UPDATE_PAUSE)

    @callback
    def _ready(self, ready: PushReady) -> None:
        LOGGER.info("Connected to the RAS")
        self._set_online(online=True)
        for trouble in CONNECTING:
            self.issues.async_set(trouble, so=False)
        self._work.begin(self._async_witness(ready.audit_head), "audit")
        if clock_agrees(ready.time, time.time()):
            self.async_clock_agreed()
        else:
            self.clock_confirmed = False
            LOGGER.warning("The clocks of Home Assistant and of the RAS do not agree")
        self._missed_news |= ready.reset
        if self._missed_news:
            self._work.begin(self._async_look_for_removed(), "removed locks")
        for coordinator in self.coordinators.values():
            coordinator.async_renew_soon()
            coordinator.async_tell_soon()
        self._tick(None)

    @callback
    def async_clock_agreed(self) -> None:
        """Believe Home Assistant's clock: adverts that depend on it can be judged now."""
        if not self.clock_confirmed:
            self.clock_confirmed = True
            for coordinator in self.coordinators.values():
                coordinator.adverts.async_hear_again()

    @callback
    def _mistrusted(self) -> None:
        url = str(self.ras.base_url)
        self.issues.async_set(Trouble.CERTIFICATE_CHANGED, so=True, url=url)

    @callback
    def _lost(self) -> None:
        LOGGER.info("The connection to the RAS is lost; locks go on with their tickets")
        self._set_online(online=False)

    def _set_online(self, *, online: bool) -> None:
        self.online = online
        for listener in self._online_listeners:
            listener()

    @callback
    def _tick(self, _: datetime | None) -> None:
        """Tell the RAS what is in range, and let the locks do what is due."""
        for coordinator in self.coordinators.values():
            coordinator.async_tick()
            self._judge(coordinator)
        if (ahead := self.ras.ahead) is not None:
            self.issues.async_set(Trouble.CLOCK_DRIFT, so=not clock_agrees(ahead, 0))
        self.async_tell()

    def _judge(self, coordinator: IgrsCoordinator) -> None:
        """Raise or clear the issues about a lock."""
        missed = coordinator.supply.rotations_missed >= MOST_MISSED
        about = {"about": coordinator.device_id, "name": coordinator.name}
        self.issues.async_set(Trouble.LOCK_UNREACHABLE, so=missed, **about)
        self.issues.async_set(Trouble.LOG_GAP, so=coordinator.memory.gap is not None, **about)
        self.issues.async_set(Trouble.IMPERSONATED, so=coordinator.memory.impersonated, **about)

    async def _async_witness(self, head: tuple[int, str]) -> None:
        """Check that the RAS's audit goes on from what it was; keep its new head if it does."""
        known = self.memory.audit_head
        true = known is None or known == head
        if known is not None and known[0] < head[0]:
            try:
                true = (await async_check_audit(self.ras, known)).ok
            except RasError as err:
                LOGGER.debug("The audit was not checked: %s", err)
                return
        self.issues.async_set(Trouble.AUDIT_GAP, so=not true)
        if true:
            self.memory.audit_head = head
            self.memory.save()

    @callback
    def async_forgive(self, trouble: Trouble, device_id: str) -> None:
        """Begin anew after somebody has looked at a trouble."""
        self.issues.async_set(trouble, so=False, about=device_id)
        if trouble is Trouble.AUDIT_GAP:
            self.memory.audit_head = None
        elif trouble is Trouble.LOG_GAP:
            self.memory.lock(device_id).gap = None
        else:
            self.memory.lock(device_id).impersonated = False
        self.memory.save()

    @callback
    def async_tell(self) -> None:
        """Tell the RAS what is in range: every 30 s, and when a lock has changed."""
        self._news.set()

    async def _async_tell(self) -> None:
        """Tell the RAS each time that there is news; what comes meanwhile goes together."""
        while True:
            await self._news.wait()
            self._news.clear()
            seen = [
                sighting
                for coordinator in self.coordinators.values()
                if (sighting := coordinator.adverts.async_sighting()) is not None
            ]
            if not self.online or not seen:
                continue
            try:
                await self.ras.sightings(seen)
            except RasError as err:
                LOGGER.debug("Sightings were not told: %s", err)

    @callback
    def _message(self, envelope: Json) -> None:
        """Do what the RAS pushes (API 8); what is not for a lock here is nobody's."""
        self.memory.push_after = envelope["seq"]
        self.memory.save()
        match envelope:
            case {"mi": 1, "mid": str(mid), "src": str(src), "dst": str(dst), "body": dict(body)}:
                answer = partial(self._push.send, MI_RESPONSE, dst=src, re=mid)
                work = async_carry_out(self._coordinator(dst), body, answer, now=self.ras.now)
                self._work.begin(work, "remote operation")
            case {"mi": 8, "body": {"op": str(op), "device_id": str(device_id)}}:
                self._work.begin(self._async_registration(op, device_id), "registration")
            case {
                "mi": 9,
                "body": {
                    "event": "access_denied",
                    "device_id": str(device_id),
                    "asked_by": str(asked_by),
                    "user": str() | None as user,
                    "code": int(code),
                },
            } if asked_by != self._address:  # what was asked here is shown already
                self._happened(device_id, denied_at_ras(asked_by, user, code))
            case {
                "mi": 9,
                "body": {
                    "event": "access_asked",
                    "device_id": str(device_id),
                    "asked_by": str(asked_by),
                    "user": str() | None as user,
                },
            } if asked_by != self._address:
                self._happened(device_id, asked_at_ras(asked_by, user))
            case {
                "mi": 9,
                "body": {
                    "event": "access_managed",
                    "device_id": str(device_id),
                    "gateway": str(gateway_id),
                    "mid": str(mid),
                },
            } if gateway_id == self.ras.gateway_id and mid not in self.memory.managed:
                self._impersonated(device_id)
            case {"mi": 9, "body": {"uid": int(uid), "user": str(user)}}:
                self.memory.name(uid, user)
            case _:
                LOGGER.debug("Message %s needs nothing here", envelope.get("mi"))

    def _impersonated(self, device_id: str) -> None:
        """Tell that somebody else let people in, or out, with the login of this gateway."""
        if (coordinator := self._coordinator(device_id)) is not None:
            coordinator.memory.impersonated = True
            self._judge(coordinator)

    def _happened(self, device_id: str, access: Access) -> None:
        """Show what the RAS says of a lock."""
        if (coordinator := self._coordinator(device_id)) is not None:
            coordinator.history.async_happened(access)

    def _coordinator(self, address: str) -> IgrsCoordinator | None:
        """Return the lock of an address such as dev:A1B2C3D4E5F6."""
        device_id = address.removeprefix("dev:")
        return next(
            (found for found in self.coordinators.values() if found.device_id == device_id), None
        )

    async def _async_registration(self, op: str, device_id: str) -> None:
        """Follow what became of a lock at the RAS."""
        coordinator = self._coordinator(device_id)
        if coordinator is None:
            return
        if op == "removed":
            self._remove(coordinator)
        elif op == "rotated":
            coordinator.async_renew_soon()

    async def _async_look_for_removed(self) -> None:
        """Let go of the locks that the RAS does not know any more; other news comes by itself."""
        for coordinator in tuple(self.coordinators.values()):
            try:
                await self.ras.device(coordinator.device_id)
            except RasRefusedError as err:
                if err.code == Code.DEVICE_UNKNOWN:
                    self._remove(coordinator)
            except RasError:
                return  # it is tried again with the next connection
        self._missed_news = False

    @callback
    def _remove(self, coordinator: IgrsCoordinator) -> None:
        if coordinator.subentry_id in self._entry.subentries:  # else somebody was faster
            self._hass.config_entries.async_remove_subentry(self._entry, coordinator.subentry_id)

    async def async_keep(
        self, device_id: str, tickets: Iterable[Json], k_adv: Mapping[int, bytes]
    ) -> None:
        """Keep what a registration brought, before its lock is added."""
        self.memory.keep(device_id, tickets, k_adv)
        await self.memory.async_save()
