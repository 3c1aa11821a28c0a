"""An ESPHome Bluetooth proxy in software, on the virtual radio.

Home Assistant takes it for a real one: it hears adverts through it and connects through it.
Each connection to a device takes a slot of the proxy, and belongs to the client of the API that
asked for it; proxy_session has what a client can ask.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from aioesphomeapi.ble_defs import BLEConnectionError
from aioesphomeapi.model import BluetoothScannerMode, BluetoothScannerState
from bumble import hci
from bumble.core import BaseBumbleError
from bumble.device import Connection, Device
from bumble.gatt_client import Client

from .native_api import Message, messages
from .proxy_session import Session
from .radio import hang_up

CONNECT_TIMEOUT: Final = 10.0  # seconds

_MTU: Final = 517  # bytes, what a proxy offers
_RETRY_CANCEL: Final = 0.1  # seconds
_ADDRESS_BITS: Final = 48
_ADDRESS_TYPES: Final = (hci.AddressType.PUBLIC_DEVICE, hci.AddressType.RANDOM_DEVICE)

# GATT error codes
_NO_RESOURCES: Final = 128
_ILLEGAL_PARAMETER: Final = 135


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a proxy says of itself."""

    name: str
    """A host name: lower-case letters, digits and hyphens."""
    address: bytes
    """Its MAC address, 6 bytes."""


@dataclass(slots=True, eq=False)
class Slot:
    """A place for a connection, from its reservation to its end."""

    owner: Session
    task: asyncio.Task[None] | None = None
    """The life of the connection; cancel it to hang up."""
    client: Client | None = None
    """The GATT client, while connected."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Keeps the operations of a connection in order, as the queue of a chip does."""


@asynccontextmanager
async def serve_proxy(
    radio: Device,
    identity: Identity,
    *,
    port: int,
    slots: int,
    connect_timeout: float = CONNECT_TIMEOUT,
) -> AsyncGenerator[BluetoothProxy]:
    """Serve a proxy on the loopback address until the context ends.

    Args:
        radio: A new, powered device for the proxy alone.
        identity: Name and MAC address.
        port: TCP port; 0 takes a free one, see BluetoothProxy.port.
        slots: Connections at the same time.
        connect_timeout: Seconds until an attempt to connect is given up.

    Raises:
        OSError: The port cannot be had.

    """
    proxy = BluetoothProxy(radio, identity, slots, connect_timeout)
    server = await asyncio.start_server(proxy.serve_client, "127.0.0.1", port)
    proxy.port = server.sockets[0].getsockname()[1]
    await proxy.scan(BluetoothScannerMode.PASSIVE)
    radio.host.on("advertising_report", proxy.on_report)
    try:
        yield proxy
    finally:
        radio.host.remove_listener("advertising_report", proxy.on_report)
        server.close()
        await proxy.close()
        await server.wait_closed()
        await radio.stop_scanning()
        await radio.power_off()


class BluetoothProxy:
    """The radio and the slots of a proxy; see serve_proxy.

    Addresses are numbers, as in the API: the 48 bits of a device id, big-endian.
    """

    port = 0

    def __init__(
        self, radio: Device, identity: Identity, limit: int, connect_timeout: float
    ) -> None:
        self.identity = identity
        self._radio = radio
        self._limit = limit
        self._connect_timeout = connect_timeout
        self._slots: dict[int, Slot] = {}
        self._sessions: set[Session] = set()
        self._mode = BluetoothScannerMode.PASSIVE
        self._scan_change = asyncio.Lock()
        self._connecting = asyncio.Lock()  # a chip makes one connection at a time

    async def serve_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one client of the API until it leaves, then drop its connections."""
        session = Session(self, writer)
        self._sessions.add(session)
        try:
            await session.serve(reader)
        finally:
            held = [address for address, slot in self._slots.items() if slot.owner is session]
            for address in held:
                self.release(session, address)
            self._sessions.discard(session)
            session.ended.set()

    async def close(self) -> None:
        """Drop every client, and with it its connections."""
        sessions = tuple(self._sessions)
        lives = [slot.task for slot in self._slots.values() if slot.task is not None]
        for session in sessions:
            session.drop()
        for session in sessions:
            await session.ended.wait()
        if lives:
            await asyncio.wait(lives)

    async def scan(self, mode: BluetoothScannerMode) -> None:
        """Scan actively or passively, and tell it."""
        async with self._scan_change:
            if self._radio.is_scanning:
                await self._radio.stop_scanning()
            await self._radio.start_scanning(active=mode is BluetoothScannerMode.ACTIVE)
            self._mode = mode
        for session in self._sessions:
            if session.wants_adverts:
                session.send(self.scanner_state())

    def scanner_state(self) -> Message:
        """Return the message that tells how the proxy scans."""
        message: Message = messages.BluetoothScannerStateResponse(
            state=BluetoothScannerState.RUNNING,
            mode=self._mode,
            configured_mode=BluetoothScannerMode.PASSIVE,
        )
        return message

    def free_slots(self) -> Message:
        """Return the message that tells free and taken slots."""
        message: Message = messages.BluetoothConnectionsFreeResponse(
            free=self._limit - len(self._slots), limit=self._limit, allocated=list(self._slots)
        )
        return message

    def on_report(self, report: hci.HCI_LE_Extended_Advertising_Report_Event.Report) -> None:
        """Pass an advertisement on, as raw as it came."""
        message = messages.BluetoothLERawAdvertisementsResponse(
            advertisements=[
                {
                    "address": int.from_bytes(bytes(report.address), "little"),
                    "rssi": report.rssi,
                    "address_type": report.address.address_type,
                    "data": report.data,
                }
            ]
        )
        for session in self._sessions:
            if session.wants_adverts:
                session.send_advert(message)

    def slot(self, owner: Session, address: int) -> Slot | None:
        """Return the slot of a device that this client holds, if it does."""
        slot = self._slots.get(address)
        return slot if slot is not None and slot.owner is owner else None

    def connect(self, owner: Session, address: int, address_type: int) -> None:
        """Reserve a slot and connect; the outcome is told to the client."""
        if address >> _ADDRESS_BITS or address_type not in _ADDRESS_TYPES:
            owner.tell_connection(address, error=_ILLEGAL_PARAMETER)
            return
        if (slot := self.slot(owner, address)) is not None:
            if slot.client is not None:
                owner.tell_connection(address, mtu=slot.client.mtu)
        elif address in self._slots or len(self._slots) >= self._limit:
            owner.tell_connection(address, error=_NO_RESOURCES)
        else:
            slot = self._slots[address] = Slot(owner)
            self._tell_slots()
            peer = hci.Address(address.to_bytes(6, "little"), hci.AddressType(address_type))
            slot.task = asyncio.create_task(self._live(slot, address, peer))

    def release(self, owner: Session, address: int) -> None:
        """Hang up, or give up to connect; the end is told to the client."""
        slot = self.slot(owner, address)
        if slot is None:
            owner.tell_connection(address)
        elif slot.task is not None and not slot.task.cancelling():
            slot.task.cancel()

    async def _live(self, slot: Slot, address: int, peer: hci.Address) -> None:
        """Connect, tell it, wait for the end, and tell that."""
        error = int(BLEConnectionError.ESP_GATT_CONN_FAIL_ESTABLISH)
        try:
            async with self._connecting:
                connection = await self._connect(peer)
            try:
                error = await self._hold(slot, address, connection)
            finally:
                slot.client = None
                await hang_up(connection)
        except BaseBumbleError, TimeoutError:
            pass  # told below
        except asyncio.CancelledError:
            error = 0
            raise
        finally:
            del self._slots[address]
            slot.owner.tell_connection(address, error=error)
            self._tell_slots()

    async def _hold(self, slot: Slot, address: int, connection: Connection) -> int:
        """Tell a connection, and return the reason when it is lost."""
        lost: asyncio.Queue[int] = asyncio.Queue()
        connection.once(connection.EVENT_DISCONNECTION, lost.put_nowait)
        if connection.handle not in self._radio.connections:  # lost before anybody listened
            return BLEConnectionError.ESP_GATT_CONN_FAIL_ESTABLISH
        mtu = await connection.gatt_client.request_mtu(_MTU)
        slot.client = connection.gatt_client
        slot.owner.tell_connection(address, mtu=mtu)
        return await lost.get()

    async def _connect(self, peer: hci.Address) -> Connection:
        """Return a connection that is up.

        Raises:
            TimeoutError: The device was not heard in time.
            BaseBumbleError: The connection failed.

        """
        attempt = asyncio.create_task(self._radio.connect(peer, timeout=None))
        try:
            await asyncio.wait([attempt], timeout=self._connect_timeout)
        except asyncio.CancelledError:
            await self._give_up(attempt)
            raise
        if not attempt.done():
            await self._give_up(attempt)
            raise TimeoutError
        return attempt.result()

    async def _give_up(self, attempt: asyncio.Task[Connection]) -> None:
        """End an attempt at the controller: to cancel the task would leave it pending there."""
        while not attempt.done():
            with suppress(hci.HCI_Error):
                await self._radio.cancel_connection()
            await asyncio.wait([attempt], timeout=_RETRY_CANCEL)
        if attempt.exception() is None:
            await hang_up(attempt.result())

    def _tell_slots(self) -> None:
        for session in self._sessions:
            if session.wants_slots:
                session.send(self.free_slots())
