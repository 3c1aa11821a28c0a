"""A house with many locks and two adapters: real but for the radio, and all of it can fail."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from custom_components.igrs.coordinator import IgrsCoordinator
from reference_devices.lock import ReferenceLock
from reference_devices.peripheral import Peripheral, on_air
from reference_devices.radio import RadioLink
from tests.integration.home import Home, RasSwitch, gateway_entry, new_lock, register, until
from tests.integration.radio import HomeRadio, home_radio

_FIRST = 0xA1B2C3D40000
_ADAPTERS = ("00:00:00:00:00:AA", "00:00:00:00:00:BB")


@dataclass(slots=True, kw_only=True)
class Door:
    """One lock of the house; codes are those that it knows, events what Home Assistant told."""

    number: int
    lock: ReferenceLock
    peripheral: Peripheral
    codes: list[str] = field(default_factory=list)
    told: list[int] = field(default_factory=list)

    @property
    def device_id(self) -> str:
        """Return the device id as the RAS writes it."""
        return self.lock.device.hex().upper()

    @property
    def entity_id(self) -> str:
        """Return the lock entity."""
        return f"lock.door_{self.number}"


@dataclass(slots=True, kw_only=True)
class House:
    """Home Assistant, its adapters, the locks, and the RAS."""

    home: Home
    radios: list[HomeRadio]
    doors: list[Door]

    @property
    def hass(self) -> HomeAssistant:
        """Return Home Assistant."""
        return self.home.hass

    def coordinator(self, door: Door) -> IgrsCoordinator | None:
        """Return what looks after a lock, None while the entry is not loaded."""
        if self.home.entry.state is not ConfigEntryState.LOADED:
            return None
        coordinators = self.home.gateway.coordinators.values()
        return next((it for it in coordinators if it.device_id == door.device_id), None)

    def shown(self, door: Door) -> str:
        """Return the state of a lock entity."""
        state = self.hass.states.get(door.entity_id)
        return "" if state is None else state.state


@asynccontextmanager
async def house(
    hass: HomeAssistant, air: RadioLink, switch: RasSwitch, doors: int, **options: Any
) -> AsyncGenerator[House]:
    """Build a house whose locks are registered and have a keypad code each."""
    async with AsyncExitStack() as stack:
        radios = [
            await stack.enter_async_context(home_radio(hass, air, source)) for source in _ADAPTERS
        ]
        found = []
        for number in range(1, doors + 1):
            lock = new_lock((_FIRST + number).to_bytes(6), **options)
            air_of_lock = on_air(lock, await air.radio(lock.device))
            peripheral = await stack.enter_async_context(air_of_lock)
            found.append(Door(number=number, lock=lock, peripheral=peripheral))
        entry = await gateway_entry(switch.ras)
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        home = Home(
            hass=hass,
            radio=radios[0],
            air=air,
            lock=found[0].lock,
            switch=switch,
            entry=entry,
            peripheral=found[0].peripheral,
        )
        await until(lambda: home.gateway.online)
        house = House(home=home, radios=radios, doors=found)
        for door in found:
            await register(home, door.lock, f"Door {door.number}")
            await until(lambda it=door: house.shown(it) == "locked", 10)  # type: ignore[misc] # a default binds
            given = await switch.ras.person.post(
                f"/v1/devices/{door.device_id}/codes", {"class": 4}
            )
            door.codes.append(given.data["code"])
        await home.settle()
        yield house
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
