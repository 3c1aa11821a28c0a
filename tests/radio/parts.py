"""Parts of the tests: a lock of few lines, a GATT client, and a client of the proxy.

The stand-in keeps the contract of a lock towards the peripheral without any protocol: it
answers a packet with the same packet, so that a test of the radio fails for the radio only.
"""

import asyncio
from collections.abc import Callable
import math
import time
from typing import Any, Final

from aioesphomeapi import APIClient, BluetoothProxyFeature
from bumble.core import UUID
from bumble.device import Device, Peer
from bumble.gatt_client import CharacteristicProxy

from igrs_codec.bsld.advert import CMD_UUID, RSP_UUID, SERVICE_UUID
from reference_devices.proxy import Identity
from reference_devices.radio import public_address

DEVICE: Final = bytes.fromhex("A1B2C3D4E5F6")
ADDRESS: Final = int.from_bytes(DEVICE)
IDENTITY: Final = Identity(name="virtual-radio", address=bytes.fromhex("02AABBCCDDEE"))
FEATURES: Final = BluetoothProxyFeature(0x7F)
UNOWNED: Final = bytes.fromhex("10800000010102030405")


class EchoLock:
    """A lock for the peripheral: writes come back, each subscription is greeted."""

    def __init__(self, device: bytes = DEVICE, *, links: int = 2) -> None:
        self.device = device
        self.advert_interval = 20
        self.data = UNOWNED
        self.links: set[int] = set()
        self.log: list[tuple[Any, ...]] = []
        self.down: asyncio.Queue[int] = asyncio.Queue()
        self.on_notify: Callable[[int, bytes], None]
        self.on_close: Callable[[int], None]
        self.on_advert: Callable[[], None]
        self.deadline = math.inf
        self.rang: asyncio.Queue[float] = asyncio.Queue()
        self._free = set(range(1, links + 1))

    def service_data(self) -> bytes:
        """Return what the test put there."""
        return self.data

    def connect(self) -> int | None:
        """Give the lowest free link."""
        if not self._free:
            return None
        link = min(self._free)
        self._free.remove(link)
        self.links.add(link)
        return link

    def disconnect(self, link: int) -> None:
        """Take a link back, once."""
        self.links.remove(link)
        self._free.add(link)
        self.log.append(("down", link))
        self.down.put_nowait(link)

    def subscribe(self, link: int, enabled: bool) -> None:  # noqa: FBT001 (one bit of GATT)
        """Greet."""
        self.log.append(("subscribed", link, enabled))
        if enabled:
            self.on_notify(link, b"hello")

    def write(self, link: int, data: bytes) -> None:
        """Echo; b"close" also ends the link."""
        self.log.append(("write", link, data))
        self.on_notify(link, data)
        if data == b"close":
            self.on_close(link)

    def read_info(self, link: int) -> bytes:
        """Tell the link."""
        return b"link %d" % link

    def next_deadline(self) -> float:
        """Say when the test set a timer."""
        return self.deadline

    def tick(self) -> None:
        """Tell when a timer was due."""
        if time.monotonic() >= self.deadline:
            self.rang.put_nowait(time.monotonic() - self.deadline)
            self.deadline = math.inf

    def power_cycle(self) -> None:
        """Boot."""
        assert not self.links
        self.log.append(("boot",))


class Client:
    """A central with the three characteristics of one connection."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.lost = asyncio.Event()
        peer.connection.on("disconnection", lambda _: self.lost.set())

    @classmethod
    async def connect(cls, central: Device) -> Client:
        """Connect and find the characteristics."""
        peer = Peer(await central.connect(public_address(DEVICE)))
        client = cls(peer)
        await peer.discover_services()
        await peer.discover_characteristics()
        return client

    def __getitem__(self, uuid: str) -> CharacteristicProxy[bytes]:
        """Return a characteristic."""
        (found,) = self.peer.get_characteristics_by_uuid(UUID(uuid))
        return found

    async def subscribe(self) -> None:
        """Write 0001 into the CCCD of RSP."""
        await self.peer.subscribe(self[RSP_UUID], self.received.put_nowait)

    async def write_handle(self, handle: int, data: bytes) -> None:
        """Write anything, with response."""
        await self.peer.gatt_client.write_value(handle, data, with_response=True)

    async def write(self, data: bytes) -> None:
        """Write without response, as a gateway does."""
        await self.peer.write_value(self[CMD_UUID], data)


class Connection:
    """What the proxy tells of one connection."""

    def __init__(self, api: APIClient, address: int = ADDRESS) -> None:
        self.api = api
        self.address = address
        self.told: asyncio.Queue[tuple[bool, int, int]] = asyncio.Queue()

    async def open(self) -> tuple[bool, int, int]:
        """Connect, and return connected, MTU and error."""
        await self.api.bluetooth_device_connect(
            self.address,
            lambda *state: self.told.put_nowait(state),
            feature_flags=FEATURES,
            address_type=0,
        )
        return await self.told.get()

    async def handles(self) -> dict[str, int]:
        """Return the handles of the characteristics of the lock, and of the CCCD of RSP."""
        services = (await self.api.bluetooth_gatt_get_services(self.address)).services
        (service,) = [one for one in services if one.uuid == SERVICE_UUID]
        found = {one.uuid: one.handle for one in service.characteristics}
        (rsp,) = [one for one in service.characteristics if one.uuid == RSP_UUID]
        (cccd,) = rsp.descriptors
        return found | {"cccd": cccd.handle}


class Slots:
    """What the proxy tells of its slots."""

    def __init__(self, api: APIClient) -> None:
        self.told: asyncio.Queue[tuple[int, int, list[int]]] = asyncio.Queue()
        api.subscribe_bluetooth_connections_free(lambda *slots: self.told.put_nowait(slots))
