"""The virtual radio behaves where Bumble's own does not."""

import asyncio
from functools import partial
from typing import override

from bumble import hci
from bumble.core import ConnectionError as BleConnectionError, TimeoutError as BleTimeoutError
from bumble.device import Device
from bumble.snoop import Snooper
import pytest

from reference_devices.peripheral import on_air
from reference_devices.radio import RadioLink, public_address
from tests.radio.parts import DEVICE, Client, EchoLock


class Spy(Snooper):
    """Keep what crosses the border between controller and host."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    @override
    def snoop(self, hci_packet: bytes, direction: Snooper.Direction) -> None:
        self.packets.append(hci_packet)


ABSENT = public_address(bytes.fromhex("A1B2C3D4E5FF"))


@pytest.mark.usefixtures("peripheral")
async def test_timed_out_connection(air: RadioLink) -> None:
    """An attempt that times out ends, and the next one is possible and the only one."""
    central = await air.radio()
    with pytest.raises(BleTimeoutError):
        await central.connect(ABSENT, timeout=0.05)

    await Client.connect(central)

    assert len(central.connections) == 1


async def test_cancelled_connection(air: RadioLink) -> None:
    """A cancelled attempt ends with Unknown Connection Identifier, and leaves no ghost."""
    central = await air.radio()
    attempt = asyncio.create_task(central.connect(ABSENT, timeout=None))
    await asyncio.sleep(0.05)
    await central.cancel_connection()
    with pytest.raises(BleConnectionError) as error:
        await attempt
    assert error.value.error_code == hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR

    late = EchoLock(bytes(ABSENT)[::-1])
    heard: asyncio.Queue[object] = asyncio.Queue()
    central.host.on("advertising_report", heard.put_nowait)
    await central.start_scanning(active=False)
    async with on_air(late, await air.radio(late.device)):
        for _ in range(3):
            await heard.get()
        assert not late.links


async def test_nothing_to_cancel(air: RadioLink) -> None:
    """A cancel without an attempt is refused, as the specification says."""
    central = await air.radio()

    with pytest.raises(hci.HCI_Error):
        await central.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())


async def test_nothing_to_disconnect(air: RadioLink) -> None:
    """To end a connection that is down is refused at once: a host would wait for ever."""
    central = await air.radio()

    with pytest.raises(hci.HCI_Error):
        await central.send_async_command(
            hci.HCI_Disconnect_Command(
                connection_handle=1,
                reason=hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR,
            )
        )


@pytest.mark.usefixtures("peripheral")
@pytest.mark.parametrize(
    ("asked", "got"),
    [
        pytest.param("1F02", hci.HCI_LE_Enhanced_Connection_Complete_Event, id="enhanced"),
        pytest.param("1F00", hci.HCI_LE_Connection_Complete_Event, id="plain"),
    ],
)
async def test_connection_event(air: RadioLink, asked: str, got: type[hci.HCI_Event]) -> None:
    """A host gets the connection event that it asked for, by its event mask."""
    central = await air.radio()
    mask = bytes.fromhex(asked).ljust(8, b"\0")
    await central.send_sync_command(hci.HCI_LE_Set_Event_Mask_Command(le_event_mask=mask))
    spy = Spy()
    central.host.snooper = spy
    await central.connect(public_address(DEVICE))

    events = [hci.HCI_Packet.from_bytes(packet) for packet in spy.packets]
    assert [type(event) for event in events if "Connection_Complete" in type(event).__name__] == [
        got
    ]


async def test_vanished_lock(air: RadioLink, lock: EchoLock) -> None:
    """A client of a lock whose power is cut sees a supervision timeout, and no advert after."""
    radio = await air.radio(lock.device)
    central = await air.radio()
    async with on_air(lock, radio):
        client = await Client.connect(central)
        reason = asyncio.get_running_loop().create_future()
        client.peer.connection.on("disconnection", reason.set_result)
        air.vanish(radio)

        assert await reason == hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
        with pytest.raises(BleTimeoutError):
            await central.connect(public_address(DEVICE), timeout=0.1)


@pytest.mark.usefixtures("peripheral")
async def test_vanished_client(air: RadioLink, lock: EchoLock) -> None:
    """A lock gets the link of a vanished client back."""
    central = await air.radio()
    await Client.connect(central)
    air.vanish(central)

    assert await lock.down.get() == 1


async def test_same_advert_two_centrals(air: RadioLink) -> None:
    """Of two centrals that answer one advertisement one connects; the other is told."""
    lock = EchoLock(links=1)
    lock.advert_interval = 50
    async with on_air(lock, await air.radio(lock.device)):
        centrals = [await air.radio() for _ in range(2)]
        lost: asyncio.Queue[int] = asyncio.Queue()

        async def connect(central: Device) -> None:
            connection = await central.connect(public_address(DEVICE))
            connection.on("disconnection", lost.put_nowait)

        await asyncio.gather(*(connect(central) for central in centrals))

        error = hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR
        assert await lost.get() == error
        assert lost.empty()
        assert lock.links == {1}


async def test_hop_delay(lock: EchoLock) -> None:
    """With a delay a packet and its answer take two hops."""
    air = RadioLink(hop_delay=0.02)
    loop = asyncio.get_running_loop()
    async with on_air(lock, await air.radio(lock.device)):
        client = await Client.connect(await air.radio())
        await client.subscribe()
        await client.received.get()
        start = loop.time()
        await client.write(b"there and back")
        await client.received.get()

        assert loop.time() - start >= 2 * 0.02
    await asyncio.sleep(2 * 0.02)  # the last words are still under way


async def test_order_on_the_air() -> None:
    """What is sent at one moment arrives in the order of sending, whatever the timers do."""
    air = RadioLink(hop_delay=0.01)
    arrived: asyncio.Queue[int] = asyncio.Queue()
    for number in range(100):
        air._carry(partial(arrived.put_nowait, number))

    assert [await arrived.get() for _ in range(100)] == list(range(100))
