"""The lock entity over the radio: what it costs, what it shows, and how it fails."""

from homeassistant.const import STATE_UNKNOWN
from homeassistant.exceptions import HomeAssistantError
import pytest

from igrs_codec.bsld.frame import Bolt, Operation
from tests.integration.home import Home, later, until


async def test_cold_unlock(home: Home) -> None:
    """A cold unlock is a connection and two round trips: HELLO, then AUTH and operate."""
    await home.call("unlock")

    assert home.state().state == "unlocked"
    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert home.radio.traffic.connections == 1
    assert home.radio.traffic.steps[:6] == [
        "subscribe",
        "notify",
        "write",
        "write",
        "notify",
        "notify",
    ]
    assert [packet[0] for packet in home.radio.traffic.writes[:2]] == [0x42, 0x44]


async def test_warm_lock(home: Home) -> None:
    """On a link that is kept an operation is one round trip."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    home.radio.reset()

    await home.call("lock")

    assert home.state().state == "locked"
    assert home.radio.traffic.connections == 0
    assert home.radio.traffic.steps[:2] == ["write", "notify"]


async def test_turned_by_hand(home: Home) -> None:
    """A change at the door is shown from its advert alone; its record is read later."""
    home.lock.turn_knob(Operation.UNLOCK)

    await home.until_state("unlocked")
    assert home.radio.traffic.connections == 0

    later(home, 11)
    await until(lambda: home.state("event.front_door_access").state != STATE_UNKNOWN)
    event = home.state("event.front_door_access")
    assert event.attributes["event_type"] == "unlocked"
    assert event.attributes["method"] == "inside_knob"
    assert event.attributes["user"] is None
    assert home.state().attributes.get("changed_by") == "inside_knob"


async def test_who_unlocked(home: Home) -> None:
    """An operation through Home Assistant appears as an event with its user."""
    await home.call("unlock")

    await until(lambda: home.state("event.front_door_access").state != STATE_UNKNOWN)
    event = home.state("event.front_door_access")
    assert event.attributes["event_type"] == "unlocked"
    assert event.attributes["method"] == "automation"  # nobody is logged in here
    assert event.attributes["user_id"]


async def test_open(home: Home) -> None:
    """A lock with a latch can be opened, and shows it."""
    await home.call("open")

    assert home.state().state == "open"
    assert home.lock.state.bolt is Bolt.OPEN


async def test_jam(home: Home) -> None:
    """A bolt that jams fails the action and shows; the next movement may succeed."""
    home.lock.jam_next()
    with pytest.raises(HomeAssistantError, match="jammed"):
        await home.call("unlock")
    assert home.state().state == "jammed"

    await home.call("unlock")
    assert home.state().state == "unlocked"
