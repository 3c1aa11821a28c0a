"""Home Assistant's Bluetooth over Bumble's virtual radio, in this process.

Real: habluetooth with its client wrapper, Bumble's hosts, controllers and GATT at both ends.
Replaced: the radio, and the backend of bleak between the wrapper and the host.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bleak_retry_connector import Allocations
from bumble import core
from bumble.device import Advertisement, Device
from habluetooth import BaseHaRemoteScanner, HaBluetoothConnector
from habluetooth.models import BluetoothScanningMode
from homeassistant.components import bluetooth
from homeassistant.core import HomeAssistant

from igrs_codec.bsld.advert import SERVICE_UUID
from reference_devices.radio import RadioLink
from tests.integration.bumble_client import BumbleClient, uuid_text

SOURCE = "00:00:00:00:00:AA"
RSSI = -60
SLOTS = 3


@dataclass(slots=True)
class Traffic:
    """What the client did on air since it was last reset."""

    connections: int = 0
    steps: list[str] = field(default_factory=list)
    """What crossed the air after connecting: subscribe, write, read, notify."""
    writes: list[bytes] = field(default_factory=list)
    notifications: list[bytes] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    """All that can be the last before a link is cut, connecting included, packets by kind."""


@dataclass(slots=True)
class Faults:
    """What goes wrong on this radio."""

    refuse_connections: int = 0
    hide_services: int = 0
    fail_subscriptions: int = 0
    fail_disconnections: int = 0
    lose_writes: int = 0
    lose_notifications: int = 0
    loss: float = 0.0
    """The part of the notifications that is lost."""
    fail_writes: int = 0
    taken: int = 0
    """Connections that belong to somebody else."""
    on_write: Callable[[bytes], None] | None = None
    cut_after: int = 0
    """The number of the step in the trail after which the link is cut, once."""
    lose_last: bool = False
    """A write that is the last step before the cut does not reach the lock."""


class HomeRadio:
    """One Bluetooth adapter of the home, and what passes through it."""

    scanner: BumbleScanner

    def __init__(self, hass: HomeAssistant, device: Device, source: str) -> None:
        self.hass = hass
        self.device = device
        self.source = source
        self.rssi = RSSI
        self.plugged = False
        self.traffic = Traffic()
        self.faults = Faults()
        self.clients: set[BumbleClient] = set()
        self.connecting = asyncio.Lock()
        self.ending: asyncio.Future[None] | None = None
        self.severed: set[asyncio.Task[None]] = set()
        self._leave: list[Callable[[], None]] = []

    def plug_in(self) -> None:
        """Let Home Assistant use this adapter, as a new one."""
        client = type("Client", (BumbleClient,), {"radio": self})
        scanner = BumbleScanner(
            self.source,
            self.source,
            HaBluetoothConnector(
                client=client, source=self.source, can_connect=lambda: self.free > 0
            ),
            connectable=True,
            requested_mode=BluetoothScanningMode.ACTIVE,
            current_mode=BluetoothScanningMode.ACTIVE,
        )
        scanner.radio, self.scanner = self, scanner
        self._leave = [
            scanner.async_setup(),
            bluetooth.async_register_scanner(self.hass, scanner),
        ]
        self.plugged = True
        self.listen()

    async def unplug(self) -> None:
        """Take the adapter away: its connections are lost, and it hears nothing."""
        if self.plugged:
            self.plugged = False
            self.silence()
            await self.drop_links()
            for leave in reversed(self._leave):
                leave()

    @property
    def free(self) -> int:
        """Return how many connections can still be made."""
        return max(0, SLOTS - len(self.clients) - self.faults.taken)

    def reset(self) -> None:
        """Count from here."""
        self.traffic = Traffic()

    def silence(self) -> None:
        """Hear nothing any more."""
        self.device.remove_listener(Device.EVENT_ADVERTISEMENT, self.scanner.heard)

    def listen(self) -> None:
        """Hear again."""
        self.device.on(Device.EVENT_ADVERTISEMENT, self.scanner.heard)

    def forget(self) -> None:
        """Hear nothing any more, and forget what was heard."""
        self.silence()
        manager = bluetooth.api._get_manager(self.hass)
        for address in list(self.scanner._previous_service_info):
            self.scanner._previous_service_info.pop(address)
            manager._all_history.pop(address, None)
            manager._connectable_history.pop(address, None)

    def advert(self, address: str, service_data: bytes) -> None:
        """Let Home Assistant hear an advert that somebody sent."""
        self.scanner.hear(address, None, {SERVICE_UUID: service_data})

    async def drop_links(self) -> None:
        """Cut every connection, as when the lock goes out of range."""
        for client in list(self.clients):
            await client.cut()
        if self.severed:
            await asyncio.wait(self.severed)

    def passes(self, client: BumbleClient, what: str) -> None:
        """Note a step, and cut the link if it is to be the last."""
        self.traffic.trail.append(what)
        if len(self.traffic.trail) == self.faults.cut_after:
            self.faults.cut_after = 0
            client.sever()

    @property
    def is_lost(self) -> bool:
        """Return whether the next write is lost, because the link is cut with it."""
        last = len(self.traffic.trail) + 1 == self.faults.cut_after
        return last and self.faults.lose_last


class BumbleScanner(BaseHaRemoteScanner):
    """A connectable scanner whose ears are a Bumble device."""

    radio: HomeRadio

    def heard(self, advertisement: Advertisement) -> None:
        """Hand an advertisement to Home Assistant."""
        data = advertisement.data
        services = data.get_all(core.AdvertisingData.SERVICE_DATA_128_BIT_UUID)
        name = data.get(core.AdvertisingData.COMPLETE_LOCAL_NAME)
        self.hear(
            advertisement.address.to_string(with_type_qualifier=False),
            name if isinstance(name, str) else None,
            {uuid_text(uuid): bytes(value) for uuid, value in services},
        )

    def hear(self, address: str, name: str | None, service_data: dict[str, bytes]) -> None:
        """Hand service data to Home Assistant, as if an advertisement had brought it."""
        self._async_on_advertisement(
            address,
            self.radio.rssi,
            name,
            [],
            service_data,
            {},
            None,
            {},
            bluetooth.MONOTONIC_TIME(),
        )

    def get_allocations(self) -> Allocations:
        """Return how many connections this scanner can still make."""
        used = [client.address for client in self.radio.clients]
        return Allocations(self.name, SLOTS, self.radio.free, used)


@asynccontextmanager
async def home_radio(
    hass: HomeAssistant, air: RadioLink, source: str = SOURCE
) -> AsyncGenerator[HomeRadio]:
    """Give Home Assistant a Bluetooth adapter on this air."""
    device = await air.radio()
    radio = HomeRadio(hass, device, source)
    radio.plug_in()
    await device.start_scanning(filter_duplicates=False)
    try:
        yield radio
    finally:
        await radio.unplug()
        await device.stop_scanning()
        await device.power_off()
