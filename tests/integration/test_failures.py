"""An operation that fails says why, and leaves a state that is true."""

import asyncio
from dataclasses import replace
from typing import Any

from habluetooth import BaseHaRemoteScanner, HaBluetoothConnector
from homeassistant.components import bluetooth
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest

from custom_components.igrs.link import is_full
from igrs_codec.bsld.advert import SERVICE_UUID
from igrs_codec.bsld.frame import Bolt
from ras_server.application.locks import Locks
from ras_server.errors import Code, RasError
from tests.integration.home import ADDRESS, DEVICE_ID, EVENT, Home, later, until
from tests.integration.radio import RSSI, BumbleClient


async def moving(home: Home) -> asyncio.Future[None]:
    """Unlock, and return while the bolt moves."""
    unlocking = asyncio.ensure_future(home.call("unlock"))
    await until(lambda: home.coordinator._tracker.bolt.name == "UNLOCKING")
    return unlocking


async def test_connection_is_tried_twice(home: Home) -> None:
    """Before anything is written a second attempt to connect is made."""
    home.radio.faults.refuse_connections = 1

    await home.call("unlock")

    assert home.lock.state.bolt is Bolt.UNLOCKED


async def test_no_connection(home: Home) -> None:
    """A lock that is heard but refuses to connect is an error with HA's own explanation."""
    home.radio.faults.refuse_connections = 2

    with pytest.raises(HomeAssistantError, match=r"no connection came about.*slots"):
        await home.call("unlock")
    assert home.state().state == "locked"


async def test_no_slot(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter with no free connection is named as the reason."""
    monkeypatch.setattr("custom_components.igrs.link.CONNECT_TIMEOUT", 0.2)
    home.radio.faults.taken = 3

    with pytest.raises(HomeAssistantError, match="free connection"):
        await home.call("unlock")


async def test_slots_that_nobody_tells(home: Home) -> None:
    """An adapter that does not tell its connections is not taken for a full one."""
    source = "00:00:00:00:00:BB"
    connector = HaBluetoothConnector(BumbleClient, source, lambda: True)
    silent = BaseHaRemoteScanner(source, source, connector, connectable=True)
    unregister = bluetooth.async_register_scanner(home.hass, silent)
    home.radio.faults.taken = 3
    assert is_full(home.hass, ADDRESS)

    silent._async_on_advertisement(
        ADDRESS,
        RSSI,
        None,
        [],
        {SERVICE_UUID: home.lock.service_data()},
        {},
        None,
        {},
        bluetooth.MONOTONIC_TIME(),
    )
    assert not is_full(home.hass, ADDRESS)
    unregister()


async def test_no_answer(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation without an answer is repeated once, then nobody knows the bolt."""
    monkeypatch.setattr("custom_components.igrs.igrs_codec.bsld.driver.ANSWER_SECONDS", 0.2)
    home.lock.write = lambda *_: None  # type: ignore[method-assign] # the lock is deaf

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.call("unlock")
    assert home.state().state == "unknown"
    assert [packet[0] for packet in home.radio.traffic.writes] == [0x42, 0x44, 0x44]


async def test_link_cut_while_unlocking(home: Home) -> None:
    """A link that is lost after the operation was written is not tried again."""
    loop = home.hass.loop

    def cut(packet: bytes) -> None:
        if packet[0] == 0x44:
            home.lock.write = lambda *_: None  # type: ignore[method-assign] # too late
            loop.create_task(home.radio.drop_links())

    home.radio.faults.on_write = cut
    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.call("unlock")
    assert [packet[0] for packet in home.radio.traffic.writes] == [0x42, 0x44]


async def test_without_ras(home: Home) -> None:
    """With a ticket the door works while the RAS is down."""
    await home.switch.stop()
    await home.until_state("off", "binary_sensor.home_connectivity")

    await home.call("unlock")
    assert home.state().state == "unlocked"

    await home.switch.start()
    await home.until_state("on", "binary_sensor.home_connectivity")


async def test_ticket_expired_without_ras(home: Home) -> None:
    """Without the RAS and a ticket the error says so."""
    tickets = home.coordinator.memory.tickets
    for gen, ticket in tickets.items():
        tickets[gen] = replace(ticket, expires=1)
    await home.switch.stop()

    with pytest.raises(HomeAssistantError, match="no ticket"):
        await home.call("unlock")
    assert home.state().state == "locked"
    await home.switch.start()


async def test_new_ticket_while_connected(home: Home) -> None:
    """A ticket that ended is replaced under the same HELLO."""
    tickets = home.coordinator.memory.tickets
    for gen, ticket in tickets.items():
        tickets[gen] = replace(ticket, expires=1)

    await home.call("unlock")

    assert home.state().state == "unlocked"
    assert home.radio.traffic.connections == 1


async def test_out_of_range(home: Home) -> None:
    """A lock that no adapter hears is an error at once."""
    home.radio.forget()

    with pytest.raises(HomeAssistantError, match="out of range"):
        await home.call("unlock")


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 1.0}], ids=["slow"])
async def test_bolt_is_moving(home: Home) -> None:
    """While somebody else moves the bolt the lock is busy."""
    home.lock.press_button(1)
    assert home.lock.state.bolt is Bolt.UNLOCKING

    with pytest.raises(HomeAssistantError, match="moving"):
        await home.call("lock")


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.5}], ids=["slow"])
async def test_slow_bolt(home: Home) -> None:
    """The action ends with the movement, and the state shows it in between."""
    states: list[Any] = []
    home.hass.bus.async_listen(
        "state_changed",
        lambda event: (
            states.append(event.data["new_state"].state)
            if event.data["entity_id"] == "lock.front_door"
            else None
        ),
    )

    await home.call("unlock")

    assert home.state().state == "unlocked"
    await home.hass.async_block_till_done()
    assert states[0] == "unlocking"
    assert states[-1] == "unlocked"


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 1.0}], ids=["slow"])
async def test_link_cut_while_the_bolt_moves(home: Home) -> None:
    """A movement that the lock said had begun is asked for on a new link: it was done."""
    unlocking = await moving(home)

    await home.radio.drop_links()
    await unlocking

    assert home.state().state == "unlocked"
    await until(lambda: home.state(EVENT).attributes.get("event_type") == "unlocked")
    assert home.state(EVENT).attributes["method"] == "automation"


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 1.0}], ids=["slow"])
async def test_power_cut_while_the_bolt_moves(home: Home) -> None:
    """A bolt that rests elsewhere has not done what was asked; its one record is of the boot."""
    await home.switch.stop()  # which would set the clock: a second record
    await home.until_state("off", "binary_sensor.home_connectivity")
    unlocking = await moving(home)

    home.lock.power_cycle()
    await home.radio.drop_links()

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await unlocking
    assert home.lock.state.bolt is Bolt.UNKNOWN


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 1.0}], ids=["slow"])
async def test_more_happens_while_the_link_is_cut(home: Home) -> None:
    """A bolt that rests where it should may have been moved there by somebody else."""
    unlocking = await moving(home)
    home.radio.faults.on_write = lambda _: home.lock.move_door(open=True)

    await home.radio.drop_links()

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await unlocking
    assert home.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 1.0}], ids=["slow"])
async def test_out_of_reach_while_the_bolt_moves(home: Home) -> None:
    """Where the end of a movement is not heard of nobody knows the bolt."""
    unlocking = await moving(home)
    home.radio.silence()
    home.radio.faults.refuse_connections = 100

    await home.radio.drop_links()

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await unlocking
    assert home.state().state == "unknown"


async def test_clock_unset_without_ras(home: Home) -> None:
    """After a power loss, without the RAS, the lock only locks, and the error says why."""
    await home.call("unlock")
    await home.switch.stop()
    home.peripheral.power_cycle()
    await until(lambda: not home.radio.clients)

    with pytest.raises(HomeAssistantError, match="clock"):
        await home.call("unlock")
    await home.call("lock")
    assert home.lock.state.bolt is Bolt.LOCKED
    await home.switch.start()


async def test_clock_refused_at_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who tries again at once after the RAS set no clock is not held up by the same link."""

    def refuse(*_: object) -> None:
        raise RasError(Code.RATE_LIMITED, "Too many time frames", retry_after=60)

    monkeypatch.setattr(Locks, "take_time_frame", refuse)
    home.peripheral.power_cycle()
    await until(lambda: not home.radio.clients)
    with pytest.raises(HomeAssistantError, match="clock"):
        await home.call("unlock")
    monkeypatch.setattr(Locks, "take_time_frame", lambda *_: None)
    await home.call("unlock")

    assert home.lock.state.bolt is Bolt.UNLOCKED


async def test_log_after_an_outage(home: Home) -> None:
    """What happened while the RAS was down is shown at once, and told to it later."""
    shown: list[int] = []
    home.coordinator.history.async_on_access(lambda access: shown.append(access.record or 0))
    await home.switch.stop()
    await home.until_state("off", "binary_sensor.home_connectivity")
    await home.call("unlock")
    counter = home.lock._role.counter
    await until(lambda: shown == [counter])
    assert home.coordinator.memory.next_record == counter
    connections = home.radio.traffic.connections

    await home.switch.start()
    await home.until_state("on", "binary_sensor.home_connectivity")

    await until(lambda: home.coordinator.memory.next_record == counter + 1)
    assert home.radio.traffic.connections == connections
    await home.call("lock")
    await until(lambda: home.coordinator.memory.next_record == counter + 2)
    assert shown == [counter, counter + 1]


async def test_everything_after_an_outage(home: Home) -> None:
    """State, records and the answers of frames reach the RAS after an outage; the bound shows."""
    until_when = home.state("sensor.front_door_offline_operation_until").state
    assert dt_util.parse_datetime(until_when, raise_on_error=True) > dt_util.utcnow()
    await home.switch.stop()
    await home.until_state("off", "binary_sensor.home_connectivity")
    for service in ("unlock", "lock", "unlock"):
        await home.call(service)
    home.lock.move_door(open=True)
    await home.until_state("on", "binary_sensor.front_door_door")
    counter = home.lock._role.counter

    await home.switch.start()
    later(home, 31)

    await until(lambda: home.coordinator.memory.next_record == counter + 1, 10)
    log = (await home.ras.person.get(f"/v1/devices/{DEVICE_ID}/log?limit=200")).data["items"]
    assert [item["record"] for item in log] == list(range(1, counter + 1))
    shown = (await home.ras.person.get(f"/v1/devices/{DEVICE_ID}")).data["shadow"]
    assert (shown["bolt"], shown["door"]) == ("unlocked", "open")
