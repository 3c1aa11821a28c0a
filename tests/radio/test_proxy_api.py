"""The proxy over TCP, asked by the client library of Home Assistant."""

import asyncio
from collections.abc import Callable
from typing import Any

from aioesphomeapi import APIClient
from aioesphomeapi.core import BluetoothGATTAPIError
from aioesphomeapi.model import BluetoothScannerMode, BluetoothScannerState
from bumble import hci
import pytest

from igrs_codec.bsld.advert import (
    CMD_UUID,
    INFO_UUID,
    RSP_UUID,
    adv_ind,
    scan_response,
)
from reference_devices.native_api import messages
from reference_devices.proxy import BluetoothProxy, serve_proxy
from reference_devices.radio import RadioLink, public_address
from tests.radio.parts import (
    ADDRESS,
    DEVICE,
    FEATURES,
    IDENTITY,
    UNOWNED,
    Connection,
    EchoLock,
)

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_device_info(api: APIClient) -> None:
    """The proxy says its name, its address and that it can do all but set parameters."""
    info = await api.device_info()

    assert (info.name, info.mac_address) == ("virtual-radio", "02:AA:BB:CC:DD:EE")
    assert info.bluetooth_mac_address == info.mac_address
    assert info.bluetooth_proxy_feature_flags == FEATURES
    assert await api.list_entities_services() == ([], [])


async def test_scanner_state(api: APIClient) -> None:
    """The state of the scanner follows a subscription at once, and each change of mode."""
    told: asyncio.Queue[Any] = asyncio.Queue()
    api.subscribe_bluetooth_scanner_state(told.put_nowait)
    api.subscribe_bluetooth_le_raw_advertisements(lambda _: None)
    first = await told.get()
    api.bluetooth_scanner_set_mode(BluetoothScannerMode.ACTIVE)
    second = await told.get()

    assert first.state == second.state == BluetoothScannerState.RUNNING
    assert (first.mode, second.mode) == (BluetoothScannerMode.PASSIVE, BluetoothScannerMode.ACTIVE)


@pytest.mark.usefixtures("peripheral")
async def test_adverts(api: APIClient) -> None:
    """Adverts come raw; the name comes too while the proxy scans actively."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    def hear(message: Any) -> None:
        for one in message.advertisements:
            heard.put_nowait(one)

    api.subscribe_bluetooth_le_raw_advertisements(hear)
    first, second = await heard.get(), await heard.get()
    assert first.data == second.data == adv_ind(UNOWNED)
    assert (first.address, first.address_type) == (ADDRESS, 0)

    api.bluetooth_scanner_set_mode(BluetoothScannerMode.ACTIVE)
    async with asyncio.timeout(1):
        while (await heard.get()).data != scan_response(DEVICE):
            pass


@pytest.mark.usefixtures("peripheral")
async def test_adverts_until_unsubscribed(api: APIClient) -> None:
    """A client that unsubscribed is sent no more adverts."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    unsubscribe = api.subscribe_bluetooth_le_raw_advertisements(heard.put_nowait)
    await heard.get()
    unsubscribe()
    await api.device_info()  # the proxy has taken the message before this one
    still = asyncio.Event()
    api._get_connection().add_message_callback(
        lambda _: still.set(), (messages.BluetoothLERawAdvertisementsResponse,)
    )

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(still.wait(), 0.1)


@pytest.mark.usefixtures("peripheral")
async def test_exchange(api: APIClient, lock: EchoLock) -> None:
    """Services, reads, writes of both kinds, descriptor and notifications get through."""
    connection = Connection(api)
    assert await connection.open() == (True, 517, 0)
    handles = await connection.handles()
    received: asyncio.Queue[bytes] = asyncio.Queue()
    await api.bluetooth_gatt_start_notify(
        ADDRESS, handles[RSP_UUID], lambda _, data: received.put_nowait(bytes(data))
    )
    assert not lock.log
    await api.bluetooth_gatt_write_descriptor(ADDRESS, handles["cccd"], b"\1\0")
    for number in range(10):
        await api.bluetooth_gatt_write(
            ADDRESS, handles[CMD_UUID], bytes([number]), response=number % 5 == 0
        )

    assert await received.get() == b"hello"
    assert [await received.get() for _ in range(10)] == [bytes([n]) for n in range(10)]
    assert await api.bluetooth_gatt_read(ADDRESS, handles[INFO_UUID]) == b"link 1"
    assert await api.bluetooth_gatt_read_descriptor(ADDRESS, handles["cccd"]) == b"\1\0"

    await api.bluetooth_device_disconnect(ADDRESS)
    assert await lock.down.get() == 1


@pytest.mark.usefixtures("peripheral")
async def test_order(api: APIClient, lock: EchoLock) -> None:
    """Writes reach the lock in the order of the requests, with response or without."""
    connection = Connection(api)
    await connection.open()
    handles = await connection.handles()
    await asyncio.gather(
        *(
            api.bluetooth_gatt_write(
                ADDRESS, handles[CMD_UUID], bytes([number]), response=number < 3
            )
            for number in range(6)
        )
    )
    await api.bluetooth_gatt_read(ADDRESS, handles[INFO_UUID])

    assert [entry[2] for entry in lock.log] == [bytes([number]) for number in range(6)]


@pytest.mark.usefixtures("peripheral")
async def test_att_error(api: APIClient) -> None:
    """An error of the device comes with its code, and the connection stays."""
    connection = Connection(api)
    await connection.open()

    with pytest.raises(BluetoothGATTAPIError) as error:
        await api.bluetooth_gatt_read(ADDRESS, 0x4711)

    assert (error.value.error.error, error.value.error.handle) == (1, 0x4711)
    assert connection.told.empty()


async def _read(api: APIClient) -> None:
    await api.bluetooth_gatt_read(ADDRESS, 3)


async def _services(api: APIClient) -> None:
    await api.bluetooth_gatt_get_services(ADDRESS)


async def _notify(api: APIClient) -> None:
    await api.bluetooth_gatt_start_notify(ADDRESS, 3, lambda *_: None)


@pytest.mark.parametrize("request_", [_read, _services, _notify])
async def test_not_connected(api: APIClient, request_: Callable[[APIClient], Any]) -> None:
    """A request for a device that is not connected is answered -1."""
    with pytest.raises(BluetoothGATTAPIError) as error:
        await request_(api)

    assert error.value.error.error == -1


@pytest.mark.usefixtures("peripheral")
async def test_stop_notify(api: APIClient) -> None:
    """Without a subscription at the proxy no notification is passed on."""
    await Connection(api).open()
    handles = await Connection(api).handles()
    passed: asyncio.Queue[Any] = asyncio.Queue()
    api._get_connection().add_message_callback(
        passed.put_nowait, (messages.BluetoothGATTNotifyDataResponse,)
    )
    stop, _ = await api.bluetooth_gatt_start_notify(ADDRESS, handles[RSP_UUID], lambda *_: None)
    await api.bluetooth_gatt_write(ADDRESS, handles[CMD_UUID], b"1", response=True)
    await passed.get()
    await stop()
    await api.bluetooth_gatt_write(ADDRESS, handles[CMD_UUID], b"2", response=True)

    assert passed.empty()


async def test_client_that_does_not_read(proxy: BluetoothProxy) -> None:
    """A client that does not keep up gets no more adverts; they do not pile up for it."""
    report = hci.HCI_LE_Extended_Advertising_Report_Event.Report(
        event_type=0,
        address_type=0,
        address=public_address(DEVICE),
        primary_phy=1,
        secondary_phy=1,
        advertising_sid=0,
        tx_power=0,
        rssi=0,
        periodic_advertising_interval=0,
        direct_address_type=0,
        direct_address=hci.Address.ANY,
        data=bytes(2000),
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1)
    writer.write(b"\x00\x00\x42")
    await reader.readexactly(1)  # the state of the scanner: it has subscribed
    (session,) = proxy._sessions
    for _ in range(20_000):
        proxy.on_report(report)

    assert session._writer.transport.get_write_buffer_size() < 100_000
    writer.close()


@pytest.mark.usefixtures("peripheral")
async def test_client_killed(proxy: BluetoothProxy, lock: EchoLock) -> None:
    """A client that goes away without a word loses its connections, and frees their slots."""
    client = APIClient("127.0.0.1", proxy.port, None)
    await client.connect(login=True)
    await Connection(client).open()
    await client.disconnect(force=True)

    assert await lock.down.get() == 1


@pytest.mark.usefixtures("peripheral")
async def test_two_clients(proxy: BluetoothProxy, api: APIClient) -> None:
    """A device belongs to the client that connected it: another is refused."""
    other = APIClient("127.0.0.1", proxy.port, None)
    await other.connect(login=True)
    mine = Connection(api)
    await mine.open()

    assert await Connection(other).open() == (False, 0, 128)
    await other.bluetooth_device_disconnect(ADDRESS)
    await other.disconnect()
    assert await api.bluetooth_gatt_read(ADDRESS, (await mine.handles())[INFO_UUID]) == b"link 1"


@pytest.mark.usefixtures("peripheral")
async def test_no_pairing(api: APIClient) -> None:
    """Pairing is answered, and refused; a cache to clear there is none."""
    await Connection(api).open()

    assert not (await api.bluetooth_device_pair(ADDRESS)).paired
    assert not (await api.bluetooth_device_unpair(ADDRESS)).success
    assert (await api.bluetooth_device_clear_cache(ADDRESS)).success


@pytest.mark.usefixtures("peripheral")
async def test_restart(air: RadioLink, lock: EchoLock) -> None:
    """A stopped proxy drops its clients and connections; started again it serves anew."""
    stopped = asyncio.Event()

    async def on_stop(expected_disconnect: bool) -> None:  # noqa: FBT001 (the library's form)
        del expected_disconnect
        stopped.set()

    async with serve_proxy(await air.radio(), IDENTITY, port=0, slots=3) as proxy:
        port = proxy.port
        client = APIClient("127.0.0.1", port, None)
        await client.connect(on_stop=on_stop, login=True)
        await Connection(client).open()
    await stopped.wait()
    assert await lock.down.get() == 1

    async with serve_proxy(await air.radio(), IDENTITY, port=port, slots=3):
        await client.connect(login=True)
        assert (await Connection(client).open())[0]
        await client.disconnect()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x01\x00\x00", id="encrypted"),
        pytest.param(b"\x00\xff\xff\xff\xff\xff", id="endless number"),
        pytest.param(b"\x00\xff\xff\x7f\x01", id="too long"),
        pytest.param(b"\x00\x02\x01\xff\xff", id="not protobuf"),
    ],
)
async def test_not_the_api(proxy: BluetoothProxy, data: bytes) -> None:
    """A client that does not speak the plaintext API is cut off, and nobody else."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(data)

    assert await reader.read() == b""
    writer.close()
    client = APIClient("127.0.0.1", proxy.port, None)
    await client.connect(login=True)
    await client.disconnect()


async def test_unknown_message(proxy: BluetoothProxy) -> None:
    """A message of a later API is passed over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"\x00\x01\xe7\x07!" + b"\x00\x00\x07")

    assert await reader.readexactly(3) == b"\x00\x00\x08"
    writer.close()
