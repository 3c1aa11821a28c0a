"""A lock on the air, seen from a real GATT client."""

import asyncio
from contextlib import suppress
import errno
import time

from bumble import att, hci
from bumble.core import UUID, BaseBumbleError
from bumble.device import Device
from bumble.hci import HCI_LE_Extended_Advertising_Report_Event
import pytest

from igrs_codec.bsld.advert import (
    CMD_UUID,
    INFO_UUID,
    RSP_UUID,
    SERVICE_UUID,
    adv_ind,
    scan_response,
)
from reference_devices.peripheral import Peripheral, on_air
from reference_devices.radio import RadioController, RadioLink, public_address
from tests.radio.parts import DEVICE, UNOWNED, Client, EchoLock

type Report = HCI_LE_Extended_Advertising_Report_Event.Report


@pytest.fixture
async def central(air: RadioLink) -> Device:
    """Return a device that can scan and connect."""
    return await air.radio()


async def _hear(central: Device, *, count: int, active: bool) -> list[Report]:
    """Return the next reports, raw as the controller makes them."""
    heard: asyncio.Queue[Report] = asyncio.Queue()
    central.host.on("advertising_report", heard.put_nowait)
    await central.start_scanning(active=active)
    reports = [await heard.get() for _ in range(count)]
    await central.stop_scanning()
    return reports


async def _is_silent(central: Device) -> bool:
    try:
        async with asyncio.timeout(0.1):
            await _hear(central, count=1, active=False)
    except TimeoutError:
        return True
    return False


@pytest.mark.usefixtures("peripheral")
async def test_passive_scan(central: Device) -> None:
    """A passive scan hears the 31 bytes of the advertisement from the device id, no more."""
    first, second = await _hear(central, count=2, active=False)

    assert first.address == public_address(DEVICE)
    assert first.data == second.data == adv_ind(UNOWNED)
    assert len(first.data) == 31


@pytest.mark.usefixtures("peripheral")
async def test_active_scan(central: Device) -> None:
    """An active scan is answered with the name."""
    first, second = await _hear(central, count=2, active=True)

    assert (first.data, second.data) == (adv_ind(UNOWNED), scan_response(DEVICE))


async def test_advertises_a_change(central: Device, lock: EchoLock, peripheral: Peripheral) -> None:
    """A change of the service data is on the air at once, not an interval later."""
    lock.advert_interval = 10_000
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    central.host.on("advertising_report", lambda report: heard.put_nowait(report.data))
    await central.start_scanning(active=False)
    assert await heard.get() == adv_ind(UNOWNED)

    lock.data = UNOWNED[:-1] + b"!"
    peripheral.lock.on_advert()

    async with asyncio.timeout(1):
        while await heard.get() != adv_ind(lock.data):
            pass


async def test_silent_without_service_data(
    central: Device, lock: EchoLock, peripheral: Peripheral
) -> None:
    """A lock in FAULT says nothing on the air."""
    await _hear(central, count=1, active=False)
    lock.data = b""
    peripheral.lock.on_advert()

    await asyncio.sleep(0.05)  # what is on the way comes through
    assert await _is_silent(central)


@pytest.mark.usefixtures("peripheral")
async def test_services(central: Device) -> None:
    """The service has exactly CMD, RSP and INFO with their properties, and no battery."""
    client = await Client.connect(central)

    (service,) = client.peer.get_services_by_uuid(UUID(SERVICE_UUID))
    assert {str(one.uuid).lower(): str(one.properties) for one in service.characteristics} == {
        CMD_UUID: "WRITE_WITHOUT_RESPONSE|WRITE",
        RSP_UUID: "NOTIFY",
        INFO_UUID: "READ",
    }
    assert not client.peer.get_services_by_uuid(UUID("180F"))


@pytest.mark.usefixtures("peripheral")
async def test_exchange(central: Device, lock: EchoLock) -> None:
    """Packets go in and out in order, and subscriptions reach the lock as written."""
    client = await Client.connect(central)
    await client.subscribe()
    for number in range(20):
        await client.write(bytes([number]))

    assert await client.received.get() == b"hello"
    assert [await client.received.get() for _ in range(20)] == [bytes([n]) for n in range(20)]
    assert await client.peer.read_value(client[INFO_UUID]) == b"link 1"

    await client.peer.unsubscribe(client[RSP_UUID])
    assert ("subscribed", 1, False) in lock.log
    assert lock.log[0] == ("subscribed", 1, True)


async def test_permissions(central: Device, peripheral: Peripheral) -> None:
    """CMD and RSP cannot be read; only CMD and what GATT itself wants written can be."""
    writable = {UUID(CMD_UUID), UUID("2902"), UUID("2B29")}
    client = await Client.connect(central)
    peer = client.peer
    for uuid in CMD_UUID, RSP_UUID:
        with pytest.raises(att.ATT_Error) as error:
            await peer.read_value(client[uuid])
        assert error.value.error_code == att.ATT_READ_NOT_PERMITTED_ERROR
    for attribute in peripheral._device.gatt_server.attributes:
        if attribute.type not in writable:
            with pytest.raises(att.ATT_Error) as error:
                await client.write_handle(attribute.handle, b"mine")
            assert error.value.error_code == att.ATT_WRITE_NOT_PERMITTED_ERROR


@pytest.mark.usefixtures("peripheral")
async def test_mtu_exchange(central: Device) -> None:
    """The lock answers an MTU exchange, which a client need not make."""
    client = await Client.connect(central)

    assert await client.peer.request_mtu(247) == 247


@pytest.mark.usefixtures("peripheral")
async def test_two_links(air: RadioLink, lock: EchoLock) -> None:
    """Two clients have a link and a subscription each; a third is cut off."""
    first, second = [await Client.connect(await air.radio()) for _ in range(2)]
    await first.subscribe()
    await second.write(b"not subscribed, but taken")
    await first.write(b"mine")

    assert [await first.received.get(), await first.received.get()] == [b"hello", b"mine"]
    assert second.received.empty()

    third = await (await air.radio()).connect(public_address(DEVICE))
    lost = asyncio.Event()
    third.on("disconnection", lambda _: lost.set())
    await lost.wait()
    assert lock.links == {1, 2}


async def test_answers_before_it_closes(
    air: RadioLink, central: Device, lock: EchoLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that closes a link has its last answers sent, and gets the link back once."""
    monkeypatch.setattr(RadioController, "total_num_le_acl_data_packets", 1)
    async with on_air(lock, await air.radio(lock.device)):
        client = await Client.connect(central)
        await client.subscribe()
        for _ in range(4):
            await client.write(b"echo")
        await client.write(b"close")
        await client.lost.wait()

        answers = [await client.received.get() for _ in range(6)]
        assert answers == [b"hello", *[b"echo"] * 4, b"close"]
        await Client.connect(central)
        assert lock.log.count(("down", 1)) == 1
        assert lock.links == {1}


@pytest.mark.usefixtures("peripheral")
async def test_client_disconnects(central: Device, lock: EchoLock) -> None:
    """A link that the client ends is free again, and the lock goes on advertising."""
    for _ in range(3):
        client = await Client.connect(central)
        await client.peer.connection.disconnect()
        assert await lock.down.get() == 1


async def test_power_cycle(central: Device, lock: EchoLock, peripheral: Peripheral) -> None:
    """A power cut ends the links, and the lock can be reached again."""
    client = await Client.connect(central)
    peripheral.power_cycle()
    await client.lost.wait()

    assert lock.log == [("down", 1), ("boot",)]
    await Client.connect(central)


async def test_stops_and_starts(air: RadioLink, central: Device, lock: EchoLock) -> None:
    """A lock taken off the air ends its links and is silent; put on again, it is back."""
    async with on_air(lock, await air.radio(lock.device)):
        client = await Client.connect(central)
    await client.lost.wait()
    assert not lock.links
    assert await _is_silent(central)

    async with on_air(lock, await air.radio(lock.device)):
        await Client.connect(central)


async def test_timers(lock: EchoLock, peripheral: Peripheral) -> None:
    """A timer of the lock rings when it is due, not at the next full second."""
    lock.deadline = time.monotonic() + 0.05
    peripheral.lock.on_advert()

    assert await lock.rang.get() < 0.2


async def test_failing_lock(air: RadioLink, central: Device, lock: EchoLock) -> None:
    """A lock that fails falls silent, and its error is not lost."""

    def fail() -> None:
        raise OSError(errno.ENOSPC, "disk full")

    async def serve() -> None:
        async with on_air(lock, await air.radio(lock.device)) as peripheral:
            await _hear(central, count=1, active=False)
            lock.tick = fail  # type: ignore[method-assign]
            lock.on_advert()
            await asyncio.wait([peripheral.running])
            assert await _is_silent(central)

    with pytest.raises(OSError, match="disk full"):
        await serve()


@pytest.mark.parametrize("error", [hci.HCI_Error(12), AttributeError("selected_tx_power")])
async def test_refused_advert(
    air: RadioLink, central: Device, lock: EchoLock, error: Exception
) -> None:
    """A controller that refuses to advertise is asked again a second later."""
    radio = await air.radio(lock.device)
    start, refused = radio.start_advertising, asyncio.Event()

    async def refuse(**_: object) -> None:
        radio.start_advertising = start  # type: ignore[method-assign]
        refused.set()
        raise error

    radio.start_advertising = refuse  # type: ignore[method-assign, assignment]
    async with on_air(lock, radio):
        await refused.wait()
        async with asyncio.timeout(3):
            await _hear(central, count=1, active=False)


@pytest.mark.parametrize(
    ("steps", "log", "received"),
    [
        pytest.param(1, ["subscribed"], [], id="subscribing"),
        pytest.param(2, ["subscribed"], [b"hello"], id="greeting"),
        pytest.param(3, ["subscribed", "write"], [b"hello"], id="write"),
        pytest.param(4, ["subscribed", "write"], [b"hello", b"echo"], id="answer"),
    ],
)
async def test_link_breaks(
    central: Device,
    lock: EchoLock,
    peripheral: Peripheral,
    *,
    steps: int,
    log: list[str],
    received: list[bytes],
) -> None:
    """A link can be made to break after a step: the lock has taken what came, and no more."""
    client = await Client.connect(central)
    lock.log.clear()
    peripheral.cut_after = steps

    with suppress(BaseBumbleError):
        await client.subscribe()
        await client.write(b"echo")
    async with asyncio.timeout(5):
        await client.lost.wait()

    assert [what for what, *_ in lock.log if what != "down"] == log
    assert [client.received.get_nowait() for _ in range(client.received.qsize())] == received
    assert not lock.links
