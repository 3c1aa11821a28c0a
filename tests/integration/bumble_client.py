"""bleak's backend for a Bumble central: one connection, with the faults of its radio."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
import random
from typing import TYPE_CHECKING, Any, ClassVar, override
from uuid import UUID

from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError
from bumble import att, core, hci
from bumble.device import Connection, Device, Peer
from bumble.gatt_client import CharacteristicProxy, Client as GattClient

from igrs_codec.bsld.packet import parse_header
from reference_devices.radio import hang_up

if TYPE_CHECKING:
    from tests.integration.radio import HomeRadio

CONNECT_TIMEOUT = 5  # seconds


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
            if self.radio.severed:  # a controller has one connection to a peer
                await asyncio.wait(self.radio.severed)
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
            found = BleakGATTService(service, service.handle, uuid_text(service.uuid))
            self.services.add_service(found)
            for proxy in service.characteristics:
                self.services.add_characteristic(
                    BleakGATTCharacteristic(
                        proxy,
                        proxy.handle,
                        uuid_text(proxy.uuid),
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
        raise NotImplementedError  # abstract in bleak; a lock is never paired (protocol 11)

    @override
    async def unpair(self) -> None:
        raise NotImplementedError  # the same

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
        raise NotImplementedError  # a descriptor of a lock is never read here

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
        raise NotImplementedError  # start_notify writes the only one

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


def uuid_text(uuid: core.UUID) -> str:
    """Return a UUID of Bumble as bleak writes it."""
    return str(UUID(bytes=bytes(reversed(uuid.to_bytes(force_128=True)))))
