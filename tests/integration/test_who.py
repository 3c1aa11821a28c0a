"""Who operated, in which way, with what: told by events, by the lock, and by the logbook."""

import time
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID, STATE_UNKNOWN
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers.chat_session import async_get_chat_session
from homeassistant.helpers.translation import async_get_translations
import pytest

from custom_components.igrs.access import denied_at_ras, from_record
from custom_components.igrs.answers import Told
from custom_components.igrs.asker import How, async_asker
from custom_components.igrs.igrs_codec.bsld.frame import (
    Event as LogEvent,
    Method as OurMethod,
    Record,
)
from custom_components.igrs.logbook import async_describe_events
from igrs_codec.bsld.frame import Bolt, Method, Operation
from tests.integration.home import DEVICE_ID, EVENT, LOCK, Home, later, until
from tests.ras_server.client import Client


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
    home.hass.config_entries.async_update_entry(home.entry, options={"voice_unlock": "without_pin"})
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


class Guest(Client):
    """Somebody with a link and nothing else."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a request."""
        return {"Authorization": f"Guest {self.token}"}


async def test_guest(home: Home) -> None:
    """An operation with a guest's link is told as that, through the lock's own record."""
    anna = home.ras.person
    body = {"subject": {"kind": "link", "name": "Plumber"}, "rights": ["lock", "unlock"]}
    given = await anna.post(f"/v1/devices/{DEVICE_ID}/grants", body)
    assert given.http == 201, given
    guest = Guest(anna.session, anna.url, anna.outbox)
    guest.token = given.data["token"]

    opened = await guest.post(
        "/v1/guest/operate",
        {"device_id": DEVICE_ID, "cmd": "unlock", "expires": int(time.time()) + 20, "wait": 20},
    )

    assert opened.code == 0, opened
    event = await told(home, "unlocked")
    assert event["method"] == "guest"
    assert event["gateway"] == home.entry.data["gateway_id"]


def test_third_party() -> None:
    """An operation that a platform asked the server for is told as that; so is its refusal."""
    record = Record(
        number=9,
        uid=4711,
        method=OurMethod.GATEWAY,
        event=LogEvent.UNLOCK,
        detail=0,
        time=1795000000,
        boot_time=False,
    )
    known = Told(user="Anna", channel="tpsp", gateway="g-1")

    access = from_record(record, deed=None, told=known, name=None)
    denied = denied_at_ras("tpsp:rental", "Anna", 3001)

    assert access is not None
    assert (access.how, access.user, access.gateway) == (How.THIRD_PARTY, "Anna", "g-1")
    assert (denied.how, denied.user) == (How.THIRD_PARTY, "Anna")


@pytest.mark.parametrize(
    ("method", "how"),
    [
        pytest.param(Method.FIXED_CODE, How.KEYPAD, id="fixed code"),
        pytest.param(Method.FINGERPRINT, How.FINGERPRINT, id="finger"),
        pytest.param(Method.CARD, How.CARD, id="card"),
        pytest.param(Method.KEY, How.KEY, id="key"),
    ],
)
async def test_credential_at_the_door(home: Home, method: Method, how: How) -> None:
    """What the lock itself knows people by is told with its number, by event and by state."""
    home.lock.show_credential(method, 3)
    await home.until_state("unlocked")
    later(home, 11)

    event = await told(home, "unlocked")
    assert (event["method"], event["credential"], event["user"]) == (how, "3", None)
    assert home.state().attributes["changed_by"] == how
    assert home.state("sensor.front_door_last_method").state == how


@pytest.mark.parametrize(
    ("code", "credential"),
    [
        pytest.param({"class": 2}, "2-0", id="of a day"),
        pytest.param({"class": 0, "count": 1}, "1", id="once"),
    ],
)
async def test_code(home: Home, code: dict[str, int], credential: str) -> None:
    """A code of the server typed at the door is told as one, but never its digits."""
    given = (await home.ras.person.post(f"/v1/devices/{DEVICE_ID}/codes", code)).data
    assert home.lock.type_code(given["code"])
    await home.until_state("unlocked")
    later(home, 11)

    event = await told(home, "unlocked")
    assert (event["method"], event["credential"]) == (How.OFFLINE_CODE, credential)
    assert given["code"] not in str(event)


async def test_nobody_is_blamed(home: Home) -> None:
    """Between a change at the door and its record nobody is named for it."""
    bea = await home.hass.auth.async_create_user("Bea")
    await call(home, "unlock", Context(user_id=bea.id))
    await told(home, "unlocked")
    await home.settle()

    home.lock.turn_knob(Operation.LOCK)
    await home.until_state("locked")

    assert home.state().attributes.get("changed_by") is None
    assert home.state().context.user_id is None
    assert home.state("sensor.front_door_last_person").state == STATE_UNKNOWN
    later(home, 11)
    event = await told(home, "locked")
    assert event["method"] == "inside_knob"
    assert home.state(EVENT).context.user_id is None
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
