"""A home with one lock: what a test does there, and where it looks."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
import os
from pathlib import Path
import time
from types import MappingProxyType
from typing import Any, Final

from homeassistant.components import bluetooth
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_ENTITY_ID, CONF_URL
from homeassistant.core import HomeAssistant, State
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from yarl import URL

from custom_components.igrs.coordinator import IgrsCoordinator
from custom_components.igrs.discovery import FoundLock, async_take
from custom_components.igrs.gateway import Gateway
from igrs_codec.bsld.advert import SERVICE_UUID
from igrs_codec.bsld.label import setup_code
from reference_devices.flash import MemoryMedium, new_flash
from reference_devices.lock import ReferenceLock
from reference_devices.peripheral import Peripheral
from reference_devices.radio import RadioLink
from tests.integration.radio import HomeRadio
from tests.integration.server import Ras, running_ras

DEVICE: Final = bytes.fromhex("A1B2C3D4E5F6")
DEVICE_ID: Final = DEVICE.hex().upper()
ADDRESS: Final = "A1:B2:C3:D4:E5:F6"
K_F: Final = bytes(range(16, 32))
LOCK: Final = "lock.front_door"
EVENT: Final = "event.front_door_access"
DOOR: Final = "binary_sensor.front_door_door"


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until something is so; a wait that takes too long is an error."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - many kinds of things, few of them events
            await asyncio.sleep(0.01)


def later(home: Home, seconds: float) -> None:
    """Let Home Assistant's timers believe that time has passed."""
    async_fire_time_changed(home.hass, dt_util.utcnow() + timedelta(seconds=seconds))


@dataclass(slots=True)
class RasSwitch:
    """A RAS that can be stopped, and started again with its data and address."""

    folder: Path
    ras: Ras = field(init=False)
    _port: int = 0
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, *, ahead: float = 0) -> None:
        """Start the RAS, at the address that it had, perhaps some seconds later than now."""
        self.ras = await self._running.enter_async_context(
            running_ras(self.folder, port=self._port)
        )
        self.ras.clock.ahead = ahead
        self._port = URL(self.ras.url).port or 0

    async def stop(self) -> None:
        """Stop the RAS; nobody answers at its address."""
        await self._running.aclose()


@dataclass(slots=True, kw_only=True)
class Home:
    """Home Assistant, its radio, one lock, and the RAS of the home."""

    hass: HomeAssistant
    radio: HomeRadio
    air: RadioLink
    lock: ReferenceLock
    switch: RasSwitch
    entry: MockConfigEntry
    peripheral: Peripheral

    @property
    def ras(self) -> Ras:
        """Return the RAS of the home."""
        return self.switch.ras

    @property
    def gateway(self) -> Gateway:
        """Return what the entry runs."""
        gateway: Gateway = self.entry.runtime_data
        return gateway

    @property
    def coordinator(self) -> IgrsCoordinator:
        """Return the coordinator of the lock."""
        return next(iter(self.gateway.coordinators.values()))

    def state(self, entity_id: str = LOCK) -> State:
        """Return the state of an entity."""
        state = self.hass.states.get(entity_id)
        assert state is not None, entity_id
        return state

    async def call(self, service: str, entity_id: str = LOCK) -> None:
        """Lock, unlock or open, as a person does in the frontend."""
        await self.hass.services.async_call(
            "lock", service, {ATTR_ENTITY_ID: entity_id}, blocking=True
        )

    async def until_state(self, state: str, entity_id: str = LOCK, seconds: float = 5) -> None:
        """Wait until an entity shows a state."""
        await until(lambda: self.state(entity_id).state == state, seconds)

    async def settle(self) -> None:
        """Wait until each lock's log is read, hang up, and count the traffic from here."""
        for coordinator in self.gateway.coordinators.values():
            await until(lambda it=coordinator: it.memory.last_record is not None)  # type: ignore[misc] # a default binds
            await until(lambda it=coordinator: not it.learner.busy)  # type: ignore[misc] # the same
            await coordinator.async_rest()
        self.radio.reset()


def new_lock(device: bytes = DEVICE, **options: Any) -> ReferenceLock:
    """Return a lock as it comes out of its box."""
    return ReferenceLock(
        new_flash(MemoryMedium()),
        device=device,
        k_f=K_F,
        clock=time.monotonic,
        rng=os.urandom,
        **options,
    )


async def gateway_entry(ras: Ras) -> MockConfigEntry:
    """Return the entry of a home whose gateway is registered at the RAS."""
    answer = await ras.person.post(
        "/v1/gateways", {"name": "Home", "kind": "home_assistant", "version": "1"}
    )
    return MockConfigEntry(
        domain="igrs",
        title="Home",
        unique_id="server",
        data={
            CONF_URL: ras.url,
            "server_id": "server",
            "user_id": ras.person.user_id,
            "gateway_id": answer.data["gateway_id"],
            "gateway_secret": answer.data["gateway_secret"],
            "fingerprint": None,
        },
    )


async def register(home: Home, lock: ReferenceLock, title: str) -> None:
    """Register a lock in the home, as the flow does after its form."""
    lock.press_button(1)
    await until(lambda: _service_data(home.hass, lock) == lock.service_data())
    info = bluetooth.async_last_service_info(home.hass, address_of(lock))
    assert info is not None
    found = FoundLock.from_advert(info)
    assert found is not None
    new = await async_take(home.hass, home.entry, found, setup_code(lock.device, K_F))
    home.hass.config_entries.async_add_subentry(
        home.entry,
        ConfigSubentry(
            data=MappingProxyType(new.data),
            subentry_type="lock",
            title=title,
            unique_id=new.device_id,
        ),
    )
    await home.hass.async_block_till_done()


def address_of(lock: ReferenceLock) -> str:
    """Return the Bluetooth address of a lock."""
    return lock.device.hex(":").upper()


def _service_data(hass: HomeAssistant, lock: ReferenceLock) -> bytes | None:
    info = bluetooth.async_last_service_info(hass, address_of(lock))
    return None if info is None else info.service_data.get(SERVICE_UUID)
