"""The slots of the proxy: connections that come up, fail, are lost, and change hands."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from aioesphomeapi import APIClient
from bumble import ll
import pytest

from reference_devices.native_api import messages
from reference_devices.peripheral import on_air
from reference_devices.proxy import BluetoothProxy
from reference_devices.radio import RadioController, RadioLink, public_address
from tests.radio.parts import (
    ADDRESS,
    DEVICE,
    Connection,
    EchoLock,
    Slots,
)

pytestmark = pytest.mark.usefixtures("socket_enabled")

ABSENT = ADDRESS ^ 1


async def test_out_of_range(api: APIClient) -> None:
    """A device that is not heard ends the attempt with an error, and the slot is free again."""
    slots = Slots(api)

    assert await slots.told.get() == (2, 2, [])
    assert await Connection(api, ABSENT).open() == (False, 0, 0x3E)
    assert await slots.told.get() == (1, 2, [ABSENT])
    assert await slots.told.get() == (2, 2, [])


async def test_fails_at_once(api: APIClient, air: RadioLink) -> None:
    """A connection that the device does not take up ends with its reason."""
    phantom = RadioController(air, public_address(DEVICE))
    attempt = asyncio.create_task(Connection(api).open())
    slots = Slots(api)
    while (await slots.told.get())[0] != 1:
        pass
    await asyncio.sleep(0.05)  # the controller waits for an advert now
    air.send_advertising_pdu(
        phantom, ll.AdvExtInd(advertiser_address=public_address(DEVICE), data=b"")
    )

    assert await attempt == (False, 0, 0x3E)


async def test_both_at_once(api: APIClient, air: RadioLink) -> None:
    """Two connections asked for at the same time both come up, one after the other."""
    devices = [DEVICE[:-1] + bytes([number]) for number in range(2)]
    radios = [await air.radio(device) for device in devices]
    async with on_air(EchoLock(devices[0]), radios[0]), on_air(EchoLock(devices[1]), radios[1]):
        states = await asyncio.gather(
            *(Connection(api, int.from_bytes(device)).open() for device in devices)
        )

    assert states == [(True, 517, 0)] * 2


async def test_give_up(api: APIClient, air: RadioLink) -> None:
    """A disconnect while connecting ends the attempt at the radio: no ghost comes up later."""
    attempt = asyncio.create_task(Connection(api).open())
    slots = Slots(api)
    while (await slots.told.get())[0] != 1:
        pass
    await api.bluetooth_device_disconnect(ADDRESS)
    assert await attempt == (False, 0, 0)
    assert await slots.told.get() == (2, 2, [])

    lock = EchoLock()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    api.subscribe_bluetooth_le_raw_advertisements(heard.put_nowait)
    async with on_air(lock, await air.radio(DEVICE)):
        for _ in range(3):
            await heard.get()
        assert not lock.links


async def test_disconnect_of_nothing(api: APIClient) -> None:
    """A disconnect of a device that is not connected is answered, not left to time out."""
    async with asyncio.timeout(1):
        await api.bluetooth_device_disconnect(ADDRESS)


async def test_slots_exhausted(api: APIClient, air: RadioLink) -> None:
    """Of three locks at two slots the third is refused at once, until one hangs up."""
    devices = [DEVICE[:-1] + bytes([number]) for number in range(3)]
    locks = [EchoLock(device) for device in devices]
    radios = [await air.radio(device) for device in devices]
    async with (
        on_air(locks[0], radios[0]),
        on_air(locks[1], radios[1]),
        on_air(locks[2], radios[2]),
    ):
        first, second, third = [Connection(api, int.from_bytes(one)) for one in devices]
        assert (await first.open())[0]
        assert (await second.open())[0]
        assert await third.open() == (False, 0, 128)

        await api.bluetooth_device_disconnect(first.address)
        assert (await third.open())[0]


async def test_lock_killed(api: APIClient, air: RadioLink, lock: EchoLock) -> None:
    """A lock whose power is cut while connected ends the connection with its reason."""
    radio = await air.radio(DEVICE)
    slots = Slots(api)
    async with on_air(lock, radio):
        connection = Connection(api)
        await connection.open()
        air.vanish(radio)

        assert await connection.told.get() == (False, 0, 0x08)
    told = [await slots.told.get() for _ in range(3)]
    assert told == [(2, 2, []), (1, 2, [ADDRESS]), (2, 2, [])]


class TestSlowAir:
    """What happens while a packet is on the air."""

    @pytest.fixture
    def air(self) -> RadioLink:
        """Return air that takes its time."""
        return RadioLink(hop_delay=0.05)

    async def test_lost_while_waiting(self, proxy: BluetoothProxy, air: RadioLink) -> None:
        """A request that waits for its turn when the connection is lost is answered -1."""
        radio = await air.radio(DEVICE)
        async with on_air(EchoLock(), radio):
            api = APIClient("127.0.0.1", proxy.port, None)
            await api.connect(login=True)
            await Connection(api).open()
            errors: asyncio.Queue[Any] = asyncio.Queue()
            api._get_connection().add_message_callback(
                errors.put_nowait, (messages.BluetoothGATTErrorResponse,)
            )
            reads = [asyncio.create_task(api.bluetooth_gatt_read(ADDRESS, 3)) for _ in range(2)]
            await asyncio.sleep(0.02)  # the first one is on the air
            air.vanish(radio)

            assert (await errors.get()).error == -1
            await asyncio.wait(reads)
            assert all(read.exception() for read in reads)
            await api.disconnect()

    @pytest.mark.usefixtures("peripheral")
    async def test_killed_while_asking(self, proxy: BluetoothProxy, lock: EchoLock) -> None:
        """A client that goes away while it waits for an answer loses its connection at once."""
        api = APIClient("127.0.0.1", proxy.port, None)
        await api.connect(login=True)
        await Connection(api).open()
        read = asyncio.create_task(api.bluetooth_gatt_read(ADDRESS, 3))
        await asyncio.sleep(0.02)  # it is on the air
        await api.disconnect(force=True)

        async with asyncio.timeout(1):
            assert await lock.down.get() == 1
        await asyncio.wait([read])
        assert read.exception()

    @pytest.fixture(autouse=True)
    async def last_words(self) -> AsyncGenerator[None]:
        """Wait for what is still under way at the end."""
        yield
        await asyncio.sleep(0.1)
