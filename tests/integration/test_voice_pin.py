"""The voice PIN: how it is said, how it is kept, and how often it may be wrong."""

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.igrs import voice_pin
from custom_components.igrs.errors import LockError, Reason
from custom_components.igrs.pin import digits, is_sealed_as, sealed
from igrs_codec.bsld.frame import Bolt
from tests.integration.assist import PIN, choose, heard, say
from tests.integration.home import Home
from tests.integration.server import MovableClock, logged

SECRET = "704319528"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovableClock:
    """Return the clock by which pauses are measured."""
    clock = MovableClock()
    monkeypatch.setattr(voice_pin, "time", SimpleNamespace(time=clock))
    return clock


async def tried(home: Home, pin: str | None) -> Reason | None:
    """Return why a PIN is refused, None if it is right."""
    try:
        await home.gateway.voice_pin.async_require(pin)
    except LockError as err:
        return err.reason
    return None


def is_told(home: Home) -> bool:
    """Return whether the owner is told that somebody guesses."""
    issue = f"voice_pin_guessed_{home.entry.entry_id}"
    return ir.async_get(home.hass).async_get_issue("igrs", issue) is not None


@pytest.mark.parametrize(
    ("said", "pin"),
    [
        pytest.param("2580", "2580", id="digits"),
        pytest.param(" 2, 5-8 0. ", "2580", id="one by one"),
        pytest.param("25 80", "2580", id="in pairs"),
        pytest.param("Two Five eight oh", "2580", id="English"),
        pytest.param("zwo fünf acht null", "2580", id="German"),
        pytest.param("dos cinco ocho cero", "2580", id="Spanish"),
        pytest.param("二五八零", "2580", id="Chinese"),
        pytest.param("幺两三〇", "1230", id="Chinese, as telephone numbers are said"),
        pytest.param("\uff12\uff15\uff18\uff10", "2580", id="full width"),
        pytest.param("nine nine 1 two", "9912", id="mixed"),
        pytest.param("258", None, id="short"),
        pytest.param("1234567890123", None, id="long"),
        pytest.param("twenty five eighty", None, id="numbers"),
        pytest.param("2580 please", None, id="more than a PIN"),
        pytest.param("٢٥٨٠", None, id="digits of another script"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_said(said: str, pin: str | None) -> None:
    """A PIN is understood digit by digit, in four languages; anything else is none."""
    assert digits(said) == pin


def test_kept() -> None:
    """What is kept of a PIN is never the same twice, and is good only to compare with."""
    kept, again = sealed(PIN), sealed(PIN)

    assert is_sealed_as(PIN, kept)
    assert not is_sealed_as("2581", kept)
    assert kept != again
    assert PIN not in json.dumps(kept)


async def test_pause(home: Home, clock: MovableClock) -> None:
    """After five wrong PINs not even the right one is compared, for longer each time."""
    choose(home, "with_pin")
    assert [await tried(home, "9999") for _ in range(5)] == [Reason.PIN_WRONG] * 5

    assert await tried(home, PIN) is Reason.PIN_PAUSED
    assert is_told(home)
    clock.ahead += 61
    assert await tried(home, "9999") is Reason.PIN_WRONG
    clock.ahead += 61
    assert await tried(home, PIN) is Reason.PIN_PAUSED
    clock.ahead += 60
    assert await tried(home, PIN) is None
    assert not is_told(home)
    assert [await tried(home, "9999") for _ in range(5)] == [Reason.PIN_WRONG] * 5


async def test_longest_pause(home: Home, clock: MovableClock) -> None:
    """No pause is longer than an hour."""
    choose(home, "with_pin")
    for _ in range(20):
        assert await tried(home, "9999") is Reason.PIN_WRONG
        clock.ahead += 3601

    assert await tried(home, PIN) is None


async def test_pause_survives_a_restart(
    home: Home, clock: MovableClock, hass_storage: dict[str, Any]
) -> None:
    """Who restarts Home Assistant gets no more tries, however abruptly."""
    choose(home, "with_pin")
    for wrong in range(1, 6):
        await tried(home, "9999")
        assert hass_storage[f"igrs.{home.entry.entry_id}"]["data"]["pin_tries"][0] == wrong

    assert await home.hass.config_entries.async_reload(home.entry.entry_id)
    assert home.entry.state is ConfigEntryState.LOADED

    assert is_told(home)
    assert await tried(home, PIN) is Reason.PIN_PAUSED


async def test_tries_at_once(home: Home, clock: MovableClock) -> None:
    """Of tries that come at once no more than five are compared."""
    choose(home, "with_pin")

    told = await asyncio.gather(*(tried(home, f"900{number}") for number in range(9)))

    assert told == [Reason.PIN_WRONG] * 5 + [Reason.PIN_PAUSED] * 4


async def test_clock_set_back(home: Home, clock: MovableClock) -> None:
    """A clock that is set back does not make a pause of years."""
    choose(home, "with_pin")
    for _ in range(5):
        await tried(home, "9999")

    clock.ahead -= 365 * 86400

    assert await tried(home, PIN) is None


async def test_pause_is_said(spoken_to: Home) -> None:
    """Who has to wait is told so, in a conversation as well."""
    choose(spoken_to, "with_pin")
    for _ in range(5):
        await say(spoken_to, "unlock the front door with pin 9999")

    response = await say(spoken_to, f"unlock the front door with pin {PIN}")

    assert heard(response).startswith("There were too many wrong PINs")
    assert spoken_to.lock.state.bolt is Bolt.LOCKED


async def test_canary(
    spoken_to: Home,
    hass_client: ClientSessionGenerator,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A PIN is in no log of ours, state, event, diagnostics or file, right or wrong."""
    home = spoken_to
    assert await async_setup_component(home.hass, "diagnostics", {})
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "custom_components.igrs")
    caplog.clear()
    events: list[str] = []
    home.hass.bus.async_listen("*", lambda event: events.append(str(event.data)))
    choose(home, "with_pin", SECRET)
    wrong = SECRET[::-1]

    await say(home, f"unlock the front door with pin {wrong}")
    assert home.state().state == "locked"
    await say(home, f"unlock the front door with pin {SECRET}")
    assert home.lock.state.bolt is Bolt.UNLOCKED
    await home.gateway.memory.async_save()

    diagnostics = await get_diagnostics_for_config_entry(home.hass, hass_client, home.entry)
    told = {
        "log": logged(caplog),
        "states": str(home.hass.states.async_all()),
        "events": str(events),
        "diagnostics": json.dumps(diagnostics),
        "entry": str(home.entry.as_dict()),
        "files": json.dumps(hass_storage),
    }
    assert all(told.values())
    assert [name for name, text in told.items() if SECRET in text or wrong in text] == []
    kept = home.entry.options["voice_pin"]["hash"]
    assert [name for name in ("log", "states", "diagnostics") if kept in told[name]] == []
