"""What is shown of a lock that nobody hears: what the server says counts all the same."""

from homeassistant.const import ATTR_ENTITY_ID, STATE_UNAVAILABLE
from homeassistant.exceptions import HomeAssistantError
import pytest

from tests.integration.home import DEVICE_ID, Home, later, until

NUMBER = "number.front_door_auto_relock"
EVENT = "event.front_door_access"


@pytest.fixture
async def gone(home: Home) -> Home:
    """Return a home whose lock is out of reach."""
    home.radio.forget()
    later(home, 301)
    await home.until_state(STATE_UNAVAILABLE)
    return home


async def test_setting_without_the_server(gone: Home) -> None:
    """What only the server can set is available as long as the server is there."""
    assert gone.state(NUMBER).state != STATE_UNAVAILABLE

    await gone.switch.stop()

    await gone.until_state(STATE_UNAVAILABLE, NUMBER)
    await gone.switch.start()
    await gone.until_state("on", "binary_sensor.home_connectivity")
    assert gone.state(NUMBER).state != STATE_UNAVAILABLE


async def test_refusal(gone: Home) -> None:
    """Somebody whom the server refuses at a lock far away is an event, for automations too."""
    gone.gateway._message(
        {
            "mi": 9,
            "seq": 7,
            "body": {
                "event": "access_denied",
                "device_id": DEVICE_ID,
                "code": 3002,
                "user": "Carl",
                "asked_by": "user:u-carl",
            },
        }
    )

    event = gone.state(EVENT)
    assert event.state != STATE_UNAVAILABLE
    assert (event.attributes["event_type"], event.attributes["user"]) == ("denied", "Carl")


async def test_deadline_after_a_link_that_ended(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that never connects is not told as silence of the link before it."""
    monkeypatch.setattr("custom_components.igrs.igrs_codec.bsld.driver.LINGER_SECONDS", 0.1)
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy and not home.radio.clients)
    home.peripheral.stop()
    await home.peripheral.running
    monkeypatch.setattr("custom_components.igrs.carrier.DEADLINE", 0.3)

    with pytest.raises(HomeAssistantError, match="no connection came about"):
        await home.hass.services.async_call(
            "button", "press", {ATTR_ENTITY_ID: "button.front_door_fetch_records"}, blocking=True
        )
