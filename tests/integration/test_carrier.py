"""What can go wrong on the way to a lock, and what the carrier makes of it."""

import asyncio
from dataclasses import replace
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.igrs.asker import Asker, How
from custom_components.igrs.igrs_codec.bsld.frame import Operation as OurOperation
from igrs_codec.bsld.frame import Bolt, Event, Operation
from igrs_codec.bsld.packet import Kind, error_packet
from ras_server.application import tickets as ticket_policy
from reference_devices.peripheral import on_air
from tests.integration.home import Home, address_of, later, new_lock, register, until

CARRIER = "custom_components.igrs.carrier"


async def test_lost_hello_is_read(home: Home) -> None:
    """A HELLO whose notification is lost is read from INFO."""
    home.radio.faults.lose_notifications = 1

    await home.call("unlock")

    assert home.radio.traffic.steps[:2] == ["subscribe", "read"]
    assert home.lock.state.bolt is Bolt.UNLOCKED


async def test_replayed_hello(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A HELLO from before is refused; on a new connection the true one is taken."""
    monkeypatch.setattr(f"{CARRIER}.RECONNECT_DELAY", 0)
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    recorded = home.radio.traffic.notifications[0]
    await home.coordinator.async_rest()
    notify = home.lock.on_notify

    def replay(link: int, _: bytes) -> None:
        home.lock.on_notify = notify
        notify(link, recorded)

    home.lock.on_notify = replay
    home.radio.reset()

    await home.call("lock")

    assert home.radio.traffic.connections == 2
    assert home.lock.state.bolt is Bolt.LOCKED


async def test_write_fails(home: Home) -> None:
    """A write that Bluetooth refuses ends the attempt; nobody knows what arrived."""
    home.radio.faults.fail_writes = 1

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.call("unlock")


async def test_answers_swallowed_and_errors_sent(home: Home) -> None:
    """One request opens once, also if somebody in between turns the lock's answers into ERR.

    Who locked by hand meanwhile finds the door locked.
    """
    newest, notify = home.lock._role.counter, home.lock.on_notify

    def swallow(link: int, packet: bytes) -> None:
        hello = packet[0] & 0x0F == Kind.HELLO
        notify(link, packet if hello else error_packet(home.radio.traffic.writes[-1]))

    def let_pass(packet: bytes) -> None:
        if packet[0] & 0x0F == Kind.AUTH and home.lock.state.bolt is Bolt.UNLOCKED:
            home.lock.on_notify = notify
            home.lock.turn_knob(Operation.LOCK)

    home.lock.on_notify = swallow
    home.radio.faults.on_write = let_pass

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.call("unlock")

    await home.until_state("locked")
    assert home.lock.state.bolt is Bolt.LOCKED
    done = [record.event for record in home.lock._role._log.since(newest + 1)]
    assert done.count(Event.UNLOCK) == 1


async def test_subscribing_fails(home: Home) -> None:
    """A link without notifications is of no use: a new one is made."""
    home.radio.faults.fail_subscriptions = 1

    await home.call("unlock")

    assert home.radio.traffic.connections == 2


async def test_services_in_the_cache_are_wrong(home: Home) -> None:
    """A lock that seems to lack the service is looked at anew."""
    home.radio.faults.hide_services = 1

    await home.call("unlock")

    assert home.radio.traffic.connections == 2


async def test_disconnecting_fails(home: Home) -> None:
    """A link that cannot be ended properly is forgotten all the same."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    home.radio.faults.fail_disconnections = 1

    await home.coordinator.async_rest()

    await home.call("lock")
    assert home.lock.state.bolt is Bolt.LOCKED


async def test_link_lost_while_idle(home: Home) -> None:
    """A kept link that is gone is replaced without anybody noticing."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    await home.radio.drop_links()

    await home.call("lock")

    assert home.lock.state.bolt is Bolt.LOCKED
    assert home.radio.traffic.connections == 2


async def test_link_is_kept_for_15_seconds(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle link is given up after its time."""
    monkeypatch.setattr("custom_components.igrs.igrs_codec.bsld.driver.LINGER_SECONDS", 0.2)

    await home.call("unlock")

    await until(lambda: not home.radio.clients)
    assert home.state().state == "unlocked"


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.6}], ids=["slow"])
async def test_too_long_in_the_queue(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that waits too long for its turn says that the lock is busy."""
    first = asyncio.ensure_future(home.call("unlock"))
    await until(lambda: home.lock.state.bolt is Bolt.UNLOCKING)
    monkeypatch.setattr(f"{CARRIER}.DEADLINE", 0.1)

    with pytest.raises(HomeAssistantError, match="busy"):
        await home.coordinator.async_operate(OurOperation.LOCK, Asker(how=How.APP))
    await first
    assert home.lock.state.bolt is Bolt.UNLOCKED


async def test_deadline_while_connecting(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline ends an attempt to connect, with Home Assistant's own explanation."""
    home.peripheral.stop()
    await home.peripheral.running
    monkeypatch.setattr(f"{CARRIER}.DEADLINE", 0.3)

    with pytest.raises(HomeAssistantError, match=r"no connection came about.*rssi"):
        await home.call("unlock")
    assert home.state().state == "locked"


async def test_deadline_after_writing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline after an operation was written leaves its outcome unknown."""
    home.lock.write = lambda *_: None  # type: ignore[method-assign] # the lock is deaf
    monkeypatch.setattr(f"{CARRIER}.DEADLINE", 2.0)

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.call("unlock")
    assert home.state().state == "unknown"


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.3}], ids=["slow"])
async def test_slow_jam(home: Home) -> None:
    """A bolt that jams at the end of a slow movement fails the action."""
    home.lock.jam_next()

    with pytest.raises(HomeAssistantError, match="jammed"):
        await home.call("unlock")
    assert home.state().state == "jammed"


async def test_ras_refuses_a_ticket(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RAS that gives no ticket is named, with its code."""
    monkeypatch.setattr(ticket_policy, "LONGEST", dict.fromkeys(ticket_policy.LONGEST, 30))
    tickets = home.coordinator.memory.tickets
    tickets.update({gen: replace(ticket, expires=1) for gen, ticket in tickets.items()})

    with pytest.raises(HomeAssistantError, match="refuses with code 3003"):
        await home.call("unlock")


async def test_slow_ras(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RAS that takes too long is left alone: the lock would hang up."""
    monkeypatch.setattr(f"{CARRIER}.ASK_RAS_TIMEOUT", 0)
    tickets = home.coordinator.memory.tickets
    tickets.update({gen: replace(ticket, expires=1) for gen, ticket in tickets.items()})

    with pytest.raises(HomeAssistantError, match="no ticket"):
        await home.call("unlock")


async def test_removed_user(home: Home) -> None:
    """A user whom the lock does not know any more is refused, and keeps the ticket."""
    role = home.lock._role
    role._owner.keep(replace(role.ownership, users={}))

    with pytest.raises(HomeAssistantError, match="refuses"):
        await home.call("unlock")
    assert home.coordinator.memory.tickets


async def test_record_while_connected(home: Home) -> None:
    """A record that the lock pushes on a kept link is read and shown at once."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)

    home.lock.turn_knob(Operation.LOCK)

    await until(lambda: home.state().attributes.get("changed_by") == "inside_knob")
    assert home.state().state == "locked"


async def test_long_log(home: Home) -> None:
    """More records than fit into an answer are read to the end, each shown once."""
    shown: list[Any] = []
    home.coordinator.history.async_on_access(lambda access: shown.append(access.record))
    for _ in range(20):
        home.lock.turn_knob(Operation.UNLOCK)
        home.lock.turn_knob(Operation.LOCK)
    counter = home.lock._role.counter
    await until(lambda: _shown_counter(home) == counter)

    later(home, 11)

    await until(lambda: home.coordinator.memory.next_record == counter + 1)
    assert shown == list(range(counter - 39, counter + 1))


def _shown_counter(home: Home) -> int:
    shown = home.coordinator._tracker.shown
    assert shown is not None
    return shown.counter


async def test_idle_links_make_room(home: Home) -> None:
    """A link that is only kept gives way when no connection is free for another lock."""
    other = new_lock(bytes.fromhex("A1B2C3D4E5F7"))
    async with on_air(other, await home.air.radio(other.device)):
        await register(home, other, "Back door")
        await home.until_state("locked", "lock.back_door")
        await home.settle()
        await home.call("unlock")
        await until(lambda: not home.coordinator.learner.busy)
        home.radio.faults.taken = 2

        await home.call("unlock", "lock.back_door")

        assert other.state.bolt is Bolt.UNLOCKED
        assert [client.address for client in home.radio.clients] == [address_of(other)]
        await home.settle()


async def test_idle_links_make_room_for_a_new_lock(home: Home) -> None:
    """A registration, too, gets the connection that is only kept for later."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    home.radio.faults.taken = 2
    other = new_lock(bytes.fromhex("A1B2C3D4E5F7"))
    async with on_air(other, await home.air.radio(other.device)):
        await register(home, other, "Back door")

        await home.until_state("locked", "lock.back_door")
        await home.settle()


async def test_a_lock_is_taken_away_while_room_is_made(home: Home) -> None:
    """Locks may come and go while one after the other gives its connection up."""
    other = new_lock(bytes.fromhex("A1B2C3D4E5F7"))
    async with on_air(other, await home.air.radio(other.device)):
        await register(home, other, "Back door")
        await home.settle()
        await home.call("unlock")
        await until(lambda: not home.coordinator.learner.busy)
        first, second = home.gateway.coordinators

        making = asyncio.ensure_future(home.gateway.async_make_room())
        await asyncio.sleep(0)
        home.hass.config_entries.async_remove_subentry(home.entry, second)
        await making

        assert list(home.gateway.coordinators) == [first]
        assert not home.radio.clients
