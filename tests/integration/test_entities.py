"""What the entities beside the bolt show and do."""

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.igrs.sensor import success_rate, unlock_time
from custom_components.igrs.storage import Measured
from igrs_codec.bsld.frame import Operation
from tests.integration.home import EVENT, Home, later, until


async def press(home: Home, button: str) -> None:
    """Press a button of the lock."""
    await home.hass.services.async_call(
        "button", "press", {ATTR_ENTITY_ID: f"button.front_door_{button}"}, blocking=True
    )


async def test_tamper(home: Home) -> None:
    """Tampering is an alarm of its own, with its record."""
    home.lock.tamper()
    await home.until_state("on", "binary_sensor.front_door_alarm")
    assert home.state("binary_sensor.front_door_tamper").state == "off"

    later(home, 11)
    await home.until_state("on", "binary_sensor.front_door_tamper")


async def calm_down(home: Home) -> None:
    """Read what is to be read of what was."""
    later(home, 11)
    await home.hass.async_block_till_done()
    await home.settle()


async def test_break_in(home: Home) -> None:
    """A door that opens though its bolt is out is an event soon, not with the next connection."""
    await calm_down(home)
    home.lock.move_door(open=True)
    await home.until_state("on", "binary_sensor.front_door_alarm")

    later(home, 22)

    await until(lambda: home.state(EVENT).attributes.get("event_type") == "forced")


async def test_door_alone(home: Home) -> None:
    """A door that is only opened and closed is not worth a connection."""
    await home.call("unlock")
    await calm_down(home)
    home.lock.move_door(open=True)
    await home.until_state("on", "binary_sensor.front_door_door")

    later(home, 22)
    await home.hass.async_block_till_done()

    assert home.radio.traffic.connections == 0


async def test_jam_is_a_problem(home: Home) -> None:
    """A jammed bolt is a problem, and spoils the success rate no further than it should."""
    home.lock.jam_next()
    with pytest.raises(HomeAssistantError, match="jammed"):
        await home.call("unlock")
    assert home.state("binary_sensor.front_door_problem").state == "on"

    await home.call("unlock")
    assert home.state("binary_sensor.front_door_problem").state == "off"
    await until(lambda: not home.coordinator.learner.busy)
    assert float(home.state("sensor.front_door_success_rate").state) == 50
    assert 0 < float(home.state("sensor.front_door_unlock_time_median").state) < 5


async def test_auto_relock(home: Home) -> None:
    """A new value goes by the server to the lock, and is shown when the lock has it."""
    await home.hass.services.async_call(
        "number",
        "set_value",
        {ATTR_ENTITY_ID: "number.front_door_auto_relock", "value": 30},
        blocking=True,
    )

    await home.until_state("30", "number.front_door_auto_relock")


async def test_buttons(home: Home) -> None:
    """The clock is set and the log is read on demand; the server's pause is told in words."""
    home.ras.clock.ahead = 61
    await press(home, "set_clock")
    assert abs(home.lock._role.clock.time - home.ras.clock()) < 5
    with pytest.raises(HomeAssistantError, match="now and then"):
        await press(home, "set_clock")
    home.lock.turn_knob(Operation.UNLOCK)

    await press(home, "fetch_records")

    assert home.state("event.front_door_access").attributes["event_type"] == "unlocked"


async def test_firmware(home: Home) -> None:
    """The firmware is what the lock reports; nobody reports a newer one."""
    state = home.state("update.front_door_firmware")

    assert state.state == "off"
    assert state.attributes["installed_version"] == home.coordinator.memory.version.firmware  # type: ignore[union-attr] # it is known


def test_figures() -> None:
    """Only unlocks that were done have a time; refusals are not in the list at all."""
    times = [Measured(done=True, seconds=float(n), opened=True) for n in range(1, 21)]
    others = [
        Measured(done=False, seconds=99.0, opened=True),
        Measured(done=True, seconds=50.0, opened=False),
    ]

    assert unlock_time(times + others, 0.5) == 10
    assert unlock_time(times + others, 0.95) == 19
    assert success_rate(times[:3] + others[:1]) == 75
    assert unlock_time([], 0.5) is None
    assert success_rate([]) is None
