"""The actions that ask a lock: what it can do, its records, and why something took long."""

import asyncio

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
import pytest

from igrs_codec.bsld.frame import Bolt, Operation
from tests.integration.actions import act
from tests.integration.home import LOCK, Home, later, until
from tests.integration.people import bea, connect


async def test_info(home: Home) -> None:
    """What a lock can do is told without asking it, also when it is out of reach."""
    home.radio.forget()
    later(home, 301)
    await home.until_state("unavailable")
    home.radio.reset()

    info = await act(home, "get_lock_info")

    assert (info["supports_keypad"], info["supports_open"]) == (True, True)
    assert info["supported_credential_types"] == ["pin"]
    assert (info["min_pin_length"], info["max_pin_length"]) == (4, 12)
    assert info["max_users"] == 63
    assert info["code_kinds"] == ["one_time", "hour", "day", "week", "four_weeks"]
    assert info["firmware"] == home.coordinator.memory.version.firmware  # type: ignore[union-attr] # it has told
    assert home.radio.traffic.connections == 0


async def test_records(home: Home) -> None:
    """The newest records are read from the lock: who and how; nothing is shown twice."""
    await home.call("unlock")
    await until(lambda: home.state("event.front_door_access").attributes.get("record") is not None)
    home.lock.turn_knob(Operation.LOCK)

    records = (await act(home, "get_records", count=2))["records"]

    assert [(each["event_type"], each["method"]) for each in records] == [
        ("unlocked", "gateway"),
        ("locked", "inside_knob"),
    ]
    assert records[0]["user"] == "Anna"
    assert home.state("event.front_door_access").attributes["event_type"] == "locked"
    assert len((await act(home, "get_records", count=256))["records"]) >= 2


async def test_records_out_of_reach(home: Home) -> None:
    """A lock that is not heard has no records, in words."""
    home.radio.forget()

    with pytest.raises(HomeAssistantError, match="out of range"):
        await act(home, "get_records")


async def test_explain_nothing(home: Home) -> None:
    """Before anything was done there is nothing to explain, but how well the lock is heard."""
    told = await act(home, "explain")

    assert told["last_operation"] is None
    assert told["server_connected"] is True
    assert told["lock"]["available"] is True
    assert told["lock"]["heard_by"][0]["rssi"] == -60
    assert told["lock"]["heard_by"][0]["free_connections"] == 3


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.2}])
async def test_explain_done(home: Home) -> None:
    """An operation is told with its stages, in order; the second needs no connection."""
    await home.call("unlock")
    cold = (await act(home, "explain"))["last_operation"]
    await home.call("lock")
    warm = (await act(home, "explain"))["last_operation"]

    stages = [each["stage"] for each in cold["stages"]]
    assert stages[:3] == ["turn", "connected", "greeted"]
    assert stages[-2:] == ["answered", "moved"]
    assert (cold["operation"], cold["result"], cold["path"]) == ("unlock", "done", "bluetooth")
    assert cold["duration_ms"] >= sum(each["ms"] for each in cold["stages"]) - len(stages)
    assert cold["slowest"] in stages
    assert (cold["new_connection"], warm["new_connection"]) == (True, False)
    assert (warm["operation"], warm["reason"]) == ("lock", None)


async def test_explain_after_all(home: Home) -> None:
    """What is read from the lock when all is done is no part of the operation."""
    await home.call("unlock")
    await home.settle()

    told = (await act(home, "explain"))["last_operation"]

    stages = [each["stage"] for each in told["stages"]]
    assert stages == ["turn", "connected", "greeted", "answered"]


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.5}])
async def test_explain_meanwhile(home: Home) -> None:
    """What is under way is told as such, as far as it has come."""
    unlocking = asyncio.ensure_future(home.call("unlock"))
    await until(lambda: home.lock.state.bolt is Bolt.UNLOCKING)

    told = (await act(home, "explain"))["last_operation"]

    assert (told["result"], told["duration_ms"]) == ("under_way", None)
    assert "moved" not in [each["stage"] for each in told["stages"]]
    await unlocking


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.5}])
async def test_explain_left(home: Home) -> None:
    """What a script that was stopped left behind is not told as done: nobody waited for it."""
    unlocking = asyncio.ensure_future(home.call("unlock"))
    await until(lambda: home.lock.state.bolt is Bolt.UNLOCKING)
    unlocking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await unlocking

    told = (await act(home, "explain"))["last_operation"]

    assert (told["result"], told["reason"]) == ("failed", "outcome_unknown")


async def test_explain_failed(home: Home) -> None:
    """A failure is told with its reason in the language of the home, and where it happened."""
    home.radio.faults.refuse_connections = 2
    with pytest.raises(HomeAssistantError):
        await home.call("unlock")

    told = (await act(home, "explain"))["last_operation"]

    assert (told["result"], told["reason"]) == ("failed", "not_connected")
    texts = await async_get_translations(home.hass, "en", "exceptions", {"igrs"})
    words = texts["component.igrs.exceptions.not_connected.message"].partition("{")[0].strip()
    assert told["reason_text"].startswith(words)
    assert [each["stage"] for each in told["stages"]] == ["turn", "failed"]


async def test_explain_refused(home: Home) -> None:
    """A refusal by the server is told with who asked; the lock was not connected."""
    user = await home.hass.auth.async_create_user("Bea")
    await connect(home, user, (await bea(home)).user_id)
    with pytest.raises(HomeAssistantError):
        await home.hass.services.async_call(
            "lock",
            "unlock",
            {ATTR_ENTITY_ID: LOCK},
            blocking=True,
            context=Context(user_id=user.id),
        )

    told = (await act(home, "explain"))["last_operation"]

    assert (told["user"], told["method"], told["reason"]) == ("Bea", "app", "no_permission")
    assert told["path"] == "bluetooth"
    assert "connected" not in [each["stage"] for each in told["stages"]]


async def test_explain_through_the_server(home: Home) -> None:
    """What the server carried out itself is told as such."""
    person = await bea(home, rights=["lock", "unlock"], uses={"max": 1})
    user = await home.hass.auth.async_create_user("Bea")
    await connect(home, user, person.user_id)
    await home.hass.services.async_call(
        "lock", "unlock", {ATTR_ENTITY_ID: LOCK}, blocking=True, context=Context(user_id=user.id)
    )

    told = (await act(home, "explain"))["last_operation"]

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert (told["result"], told["path"]) == ("done", "server")
    assert [each["stage"] for each in told["stages"]][:2] == ["decided", "carried"]
