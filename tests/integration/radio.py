"""Home Assistant's Bluetooth over Bumble's virtual radio, in this process.

Real: habluetooth with its client wrapper, Bumble's hosts, controllers and GATT at both ends.
Replaced: the radio, and the backend of bleak between the wrapper and the host.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
import random
from typing import Any, ClassVar, override
from uuid import UUID

from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError
from bleak_retry_connector import Allocations
from bumble import att, core, hci
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.gatt_client import CharacteristicProxy, Client as GattClient
from habluetooth import BaseHaRemoteScanner, HaBluetoothConnector
from habluetooth.models import BluetoothScanningMode
from homeassistant.components import bluetooth
from homeassistant.core import HomeAssistant

from igrs_codec.bsld.advert import SERVICE_UUID
from igrs_codec.bsld.packet import parse_header
from reference_devices.radio import RadioLink, hang_up

SOURCE = "00:00:00:00:00:AA"
RSSI = -60
SLOTS = 3
CONNECT_TIMEOUT = 5  # seconds


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


class _GattClient(GattClient):
    """Bumble's, which takes it amiss when an answer comes just as its request is cancelled."""

    @override
    def on_gatt_pdu(self, att_pdu: att.ATT_PDU) -> None:
        waiting = self.pending_response
        if att_pdu.op_code not in att.ATT_RESPONSES or waiting is None or not waiting.done():
            super().on_gatt_pdu(att_pdu)


class BumbleClient(BaseBleakClient):
    """bleak's backend for a Bumble central."""

    radio: ClassVar[HomeRadio]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connection: Connection | None = None
        self._peer: Peer | None = None
        self._subscribers: dict[int, Callable[[bytes], None]] = {}

    @property
    @override
    def name(self) -> str:
        return self.address

    @property
    @override
    def mtu_size(self) -> int:
        return 23

    @property
    @override
    def is_connected(self) -> bool:
        return self._connection is not None

    @override
    async def connect(self, pair: bool, **kwargs: Any) -> None:
        if self.radio.faults.refuse_connections:
            self.radio.faults.refuse_connections -= 1
            raise BleakError("connection refused")
        self.radio.traffic.connections += 1
        async with self.radio.connecting:
            if self.radio.ending is not None:
                await asyncio.shield(self.radio.ending)
            self._connection = await self._reach()
        self.radio.clients.add(self)
        self._connection.on(Connection.EVENT_DISCONNECTION, self._on_disconnection)
        self._connection.gatt_client = _GattClient(self._connection)
        self._peer = Peer(self._connection)
        self.radio.passes(self, "connect")
        self._check_connected()
        try:
            await self._discover()
        except asyncio.CancelledError:
            await self.cut()
            raise
        self.radio.passes(self, "services")

    async def _reach(self) -> Connection:
        """Connect, or end the attempt at the controller too: a task cannot be cancelled there."""
        device = self.radio.device
        address = hci.Address(self.address, hci.Address.PUBLIC_DEVICE_ADDRESS)
        attempt = asyncio.ensure_future(device.connect(address, timeout=None))
        try:
            await asyncio.wait([attempt], timeout=CONNECT_TIMEOUT)
        except asyncio.CancelledError:
            # Cancelled once more, it still ends; the next attempt waits for it.
            self.radio.ending = asyncio.ensure_future(_give_up(device, attempt))
            await asyncio.shield(self.radio.ending)
            raise
        if not attempt.done():
            await _give_up(device, attempt)
            raise TimeoutError("no connection")
        try:
            connection = attempt.result()
        except core.BaseBumbleError as err:
            raise BleakError("no connection") from err
        if not self.radio.plugged:
            await hang_up(connection)
            raise BleakError("the adapter is gone")
        return connection

    async def _discover(self) -> None:
        assert self._peer is not None
        with _lost():
            await self._peer.discover_all()
        self.services = BleakGATTServiceCollection()
        if self.radio.faults.hide_services:
            self.radio.faults.hide_services -= 1
            return
        for service in self._peer.services:
            found = BleakGATTService(service, service.handle, str(UUID(bytes=_uuid(service.uuid))))
            self.services.add_service(found)
            for proxy in service.characteristics:
                self.services.add_characteristic(
                    BleakGATTCharacteristic(
                        proxy,
                        proxy.handle,
                        str(UUID(bytes=_uuid(proxy.uuid))),
                        [],
                        lambda: 20,
                        found,
                    )
                )

    def _check_connected(self) -> None:
        if self._connection is None:
            raise BleakError("not connected")

    def sever(self) -> None:
        """Lose the connection in this moment: nothing comes any more."""
        connection = self._connection
        assert connection is not None
        connection.remove_listener(Connection.EVENT_DISCONNECTION, self._on_disconnection)
        asyncio.get_running_loop().call_soon(self._on_disconnection, 0)
        self._connection = None
        task = asyncio.create_task(hang_up(connection))
        self.radio.severed.add(task)
        task.add_done_callback(self.radio.severed.discard)

    def _on_disconnection(self, _: int) -> None:
        self.radio.clients.discard(self)
        self._connection = None
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def cut(self) -> None:
        """Lose the connection; Bumble does not survive a command that nobody waits for."""
        if self._connection is not None:
            await asyncio.shield(asyncio.ensure_future(hang_up(self._connection)))

    @override
    async def disconnect(self) -> None:
        await self.cut()
        if self.radio.faults.fail_disconnections:
            self.radio.faults.fail_disconnections -= 1
            raise BleakError("disconnecting failed")

    @override
    async def pair(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    @override
    async def unpair(self) -> None:
        raise NotImplementedError

    @override
    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        self._check_connected()
        self.radio.traffic.steps.append("read")
        try:
            with _lost():
                value = bytearray(await _proxy(characteristic).read_value())
        except (core.BaseBumbleError, att.ATT_Error) as err:
            raise BleakError("reading failed") from err
        self.radio.passes(self, "read INFO")
        return value

    @override
    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        raise NotImplementedError

    @override
    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        packet = bytes(data)
        self._check_connected()
        self.radio.traffic.steps.append("write")
        self.radio.traffic.writes.append(packet)
        faults = self.radio.faults
        if faults.on_write is not None:
            faults.on_write(packet)
        if faults.fail_writes:
            faults.fail_writes -= 1
            raise BleakError("writing failed")
        if faults.lose_writes:
            faults.lose_writes -= 1
            return
        if not self.radio.is_lost:
            await _proxy(characteristic).write_value(packet, with_response=response)
        self.radio.passes(self, f"write {_kind(packet)}")

    @override
    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        raise NotImplementedError

    @override
    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **kwargs: Any
    ) -> None:
        def notified(value: bytes) -> None:
            if self._connection is None:
                return
            if self.radio.faults.lose_notifications:
                self.radio.faults.lose_notifications -= 1
                return
            if random.random() < self.radio.faults.loss:  # noqa: S311 - no secret
                return
            self.radio.traffic.steps.append("notify")
            self.radio.traffic.notifications.append(bytes(value))
            callback(bytearray(value))
            self.radio.passes(self, f"hear {_kind(value)}")

        if self.radio.faults.fail_subscriptions:
            self.radio.faults.fail_subscriptions -= 1
            raise BleakError("subscribing failed")
        self._check_connected()
        self.radio.traffic.steps.append("subscribe")
        self.radio.passes(self, "subscribe")
        self._check_connected()
        self._subscribers[characteristic.handle] = notified
        try:
            with _lost():
                await _proxy(characteristic).subscribe(notified)
        except (core.BaseBumbleError, att.ATT_Error) as err:
            raise BleakError("subscribing failed") from err

    @override
    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        subscriber = self._subscribers.pop(characteristic.handle)
        try:
            with _lost():
                await _proxy(characteristic).unsubscribe(subscriber)
        except (core.BaseBumbleError, att.ATT_Error) as err:
            raise BleakError("unsubscribing failed") from err


async def _give_up(device: Device, attempt: asyncio.Task[Connection]) -> None:
    while not attempt.done():
        with suppress(hci.HCI_Error):
            await device.cancel_connection()
        await asyncio.wait([attempt], timeout=0.1)
    if attempt.exception() is None:
        await hang_up(attempt.result())


@contextmanager
def _lost() -> Generator[None]:
    """Let the end of a connection be an error: Bumble cancels what waits for an answer."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise BleakError("the connection is lost") from None


def _kind(packet: bytes) -> str:
    return parse_header(packet).kind.name


def _proxy(characteristic: BleakGATTCharacteristic) -> CharacteristicProxy[bytes]:
    proxy: CharacteristicProxy[bytes] = characteristic.obj
    return proxy


def _uuid(uuid: core.UUID) -> bytes:
    return bytes(reversed(uuid.to_bytes(force_128=True)))


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
            {str(UUID(bytes=_uuid(uuid))): bytes(value) for uuid, value in services},
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
