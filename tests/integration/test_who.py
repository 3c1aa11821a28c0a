"""Who operated, in which way, with what: told by events, by the lock, and by the logbook."""

import time
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID, STATE_UNKNOWN
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers.chat_session import async_get_chat_session
from homeassistant.helpers.translation import async_get_translations
import pytest

from custom_components.igrs.asker import How, async_asker
from custom_components.igrs.logbook import async_describe_events
from igrs_codec.bsld.frame import Bolt, Operation
from tests.integration.home import DEVICE_ID, LOCK, Home, later, until

EVENT = "event.front_door_access"


async def call(home: Home, service: str, context: Context) -> None:
    """Lock or unlock for somebody."""
    await home.hass.services.async_call(
        "lock", service, {ATTR_ENTITY_ID: LOCK}, blocking=True, context=context
    )


async def told(home: Home, what: str) -> dict[str, Any]:
    """Return what the event entity says, once it says what is waited for."""

    def is_told() -> bool:
        return home.state(EVENT).attributes.get("event_type") == what

    await until(is_told)
    return dict(home.state(EVENT).attributes)


async def test_app(home: Home) -> None:
    """What a person does in the frontend carries his name, the way, the ticket and the time."""
    bea = await home.hass.auth.async_create_user("Bea")
    context = Context(user_id=bea.id)

    await call(home, "unlock", context)
    assert home.state().attributes["changed_by"] == "Bea"

    event = await told(home, "unlocked")
    assert event["method"] == "app"
    assert event["user"] == "Bea"
    assert event["gateway"] == "Home"
    assert event["credential"]
    assert event["user_id"] == home.coordinator.memory.tickets[1].uid
    assert 0 < event["duration_ms"] < 5000
    assert home.state(EVENT).context is context
    assert home.state("sensor.front_door_last_person").state == "Bea"
    assert home.state("sensor.front_door_last_method").state == "app"


async def test_voice(home: Home) -> None:
    """What comes out of a conversation is told as spoken."""
    bea = await home.hass.auth.async_create_user("Bea")

    with async_get_chat_session(home.hass):
        await call(home, "unlock", Context(user_id=bea.id))

    event = await told(home, "unlocked")
    assert (event["method"], event["user"]) == ("voice", "Bea")


async def test_automation(home: Home) -> None:
    """What an automation does carries its name, and its context."""
    context = Context(parent_id="01JD8Z0000000000000000000A")
    home.hass.bus.async_fire("automation_triggered", {"name": "Night"}, context=context)

    await call(home, "unlock", context)

    assert home.state().attributes["changed_by"] == "Night"
    event = await told(home, "unlocked")
    assert (event["method"], event["user"]) == ("automation", None)
    assert home.state(EVENT).context is context


@pytest.mark.parametrize(
    ("cause", "how"),
    [
        pytest.param("google_assistant_command", How.VOICE, id="Google"),
        pytest.param("call_service", How.APP, id="frontend"),
    ],
)
async def test_way(hass: HomeAssistant, cause: str, how: How) -> None:
    """The first event of a context tells the way."""
    bea = await hass.auth.async_create_user("Bea")
    context = Context(user_id=bea.id)
    hass.bus.async_listen(cause, lambda _: None)
    hass.bus.async_fire(cause, {}, context=context)

    assert (await async_asker(hass, context, {})).how is how
    assert (await async_asker(hass, None, {})).how is How.AUTOMATION


async def test_remote(home: Home) -> None:
    """An operation from afar tells who asked the server for it, the first time too."""
    answer = await home.ras.person.post(
        f"/v1/devices/{DEVICE_ID}/operate",
        {"cmd": "unlock", "expires": int(time.time()) + 20, "wait": 20},
    )
    assert answer.code == 0

    event = await told(home, "unlocked")
    assert (event["method"], event["user"]) == ("app", "Anna")
    assert event["gateway"] == home.entry.data["gateway_id"]


async def test_nobody_is_blamed(home: Home) -> None:
    """Between a change at the door and its record nobody is named for it."""
    bea = await home.hass.auth.async_create_user("Bea")
    await call(home, "unlock", Context(user_id=bea.id))
    await told(home, "unlocked")
    await home.settle()

    home.lock.turn_knob(Operation.LOCK)
    await home.until_state("locked")

    assert home.state().attributes.get("changed_by") is None
    assert home.state("sensor.front_door_last_person").state == STATE_UNKNOWN
    later(home, 11)
    event = await told(home, "locked")
    assert event["method"] == "inside_knob"
    assert home.state().attributes["changed_by"] == "inside_knob"


async def test_while_home_assistant_was_off(home: Home) -> None:
    """What happened meanwhile is told afterwards, each record once and in order."""
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    home.lock.turn_knob(Operation.UNLOCK)
    home.lock.turn_knob(Operation.LOCK)
    home.lock.tamper()
    heard: list[str] = []

    @callback
    def hear(event: Event) -> None:
        heard.append(event.data["event_type"])

    home.hass.bus.async_listen("igrs_access", hear)

    await home.hass.config_entries.async_setup(home.entry.entry_id)
    await home.until_state("locked")
    later(home, 11)

    await until(lambda: len(heard) == 3)
    assert heard == ["unlocked", "locked", "tampered"]
    assert home.state("binary_sensor.front_door_tamper").state == "on"


async def test_logbook(home: Home) -> None:
    """The logbook names what, who and how, in words."""
    await async_get_translations(home.hass, "en", "entity", {"igrs"})
    bea = await home.hass.auth.async_create_user("Bea")
    events: list[Event] = []

    @callback
    def hear(event: Event) -> None:
        events.append(event)

    home.hass.bus.async_listen("igrs_access", hear)
    described: dict[str, Any] = {}
    async_describe_events(
        home.hass,
        lambda domain, kind, describe: described.update({kind: (domain, describe)}),
    )

    await call(home, "unlock", Context(user_id=bea.id))

    domain, describe = described["igrs_access"]
    await until(lambda: bool(events))
    entry = describe(events[0])
    assert domain == "igrs"
    assert entry == {
        "name": "Front door",
        "message": "Unlocked (Bea, App)",
        "entity_id": EVENT,
    }


async def test_refused_from_afar(home: Home) -> None:
    """A refusal by the server is told here too, with the reason."""
    home.gateway._message(
        {
            "mi": 9,
            "seq": 1,
            "body": {
                "event": "access_denied",
                "device_id": DEVICE_ID,
                "code": 3002,
                "user": "Carl",
                "asked_by": "user:u-carl",
            },
        }
    )

    event = await told(home, "denied")
    assert (event["user"], event["method"], event["reason"]) == ("Carl", "app", "outside_schedule")
    assert home.lock.state.bolt is Bolt.LOCKED
