"""The actions: people, PINs, codes, records, audit, and why something took long; with answers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from aiohttp import ClientSession
from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest

from custom_components.igrs import access_ras
from custom_components.igrs.action_errors import Wrong, refused
from custom_components.igrs.diagnostics import async_get_config_entry_diagnostics
from custom_components.igrs.errors import LockError, Reason
from custom_components.igrs.issues import Trouble
from custom_components.igrs.ras_errors import RasRefusedError
from custom_components.igrs.services import ACTIONS
from igrs_codec.bsld.frame import Bolt, Capability, Operation
from tests.integration.home import DEVICE_ID, LOCK, Home, later, until
from tests.integration.test_issues import raised, seen
from tests.integration.test_people import bea

type Call = Callable[..., Awaitable[dict[str, Any]]]


async def connect(home: Home, user: User, person: str) -> User:
    """Connect a user of Home Assistant with a person of the RAS."""
    home.hass.config_entries.async_add_subentry(
        home.entry,
        ConfigSubentry(
            data=MappingProxyType({"user": user.id, "person": person}),
            subentry_type="person",
            title=user.name or "",
            unique_id=user.id,
        ),
    )
    await until(lambda: user.id in home.gateway.people)
    return user


@pytest.fixture
async def admin(home: Home) -> User:
    """Return a user who administers Home Assistant, and is nobody at the RAS."""
    return await home.hass.auth.async_create_user("Adam", group_ids=[GROUP_ID_ADMIN])


@pytest.fixture
async def anna(home: Home) -> User:
    """Return the user who is the owner of the lock."""
    user = await home.hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_ADMIN])
    return await connect(home, user, home.ras.person.user_id)


@pytest.fixture
async def manager(home: Home) -> Home:
    """Return a home that the owner lets manage people and codes."""
    gateway_id = home.entry.data["gateway_id"]
    answer = await home.ras.person.request("PUT", f"/v1/gateways/{gateway_id}/manager")
    assert answer.http == 200, answer
    return home


async def act(home: Home, action: str, user: User | None = None, **data: Any) -> dict[str, Any]:
    """Call an action for the lock, and return its answer, if it has one."""
    answers = await home.hass.services.async_call(
        "igrs",
        action,
        {ATTR_ENTITY_ID: LOCK, **data},
        blocking=True,
        context=Context(user_id=None if user is None else user.id),
        return_response=home.hass.services.supports_response("igrs", action) != "none",
    )
    answer: dict[str, Any] = {} if answers is None else answers[LOCK]  # type: ignore[assignment] # what JSON holds
    return answer


def tomorrow() -> str:
    """Return a time that grants can end at, as a person writes it."""
    return str(dt_util.now() + timedelta(days=1))


async def test_without_a_home(hass: HomeAssistant) -> None:
    """The actions are there before a home is, and say what is missing."""
    assert await async_setup_component(hass, "igrs", {})

    assert set(hass.services.async_services_for_domain("igrs")) == set(ACTIONS)
    with pytest.raises(ServiceValidationError, match="not a lock of this integration"):
        await hass.services.async_call(
            "igrs", "explain", {ATTR_ENTITY_ID: LOCK}, blocking=True, return_response=True
        )
    with pytest.raises(ServiceValidationError, match="at least one lock"):
        await hass.services.async_call(
            "igrs", "explain", {ATTR_ENTITY_ID: "all"}, blocking=True, return_response=True
        )


async def test_home_that_is_not_loaded(home: Home) -> None:
    """The locks of a home that is not set up are named."""
    await home.hass.config_entries.async_unload(home.entry.entry_id)

    with pytest.raises(ServiceValidationError, match=f"home of {LOCK} is not set up"):
        await act(home, "get_lock_info")


async def test_other_lock(home: Home) -> None:
    """A lock of another integration is none of ours."""
    er.async_get(home.hass).async_get_or_create("lock", "other", "1", suggested_object_id="garden")

    with pytest.raises(ServiceValidationError, match=r"lock\.garden is not a lock of this"):
        await act(home, "explain", entity_id="lock.garden")


async def test_targets(home: Home) -> None:
    """A lock is found by its device, too; its other entities are left alone."""
    entry = er.async_get(home.hass).async_get(LOCK)
    assert entry is not None

    answers = await home.hass.services.async_call(
        "igrs",
        "get_lock_info",
        {"device_id": entry.device_id},
        blocking=True,
        return_response=True,
    )

    assert answers is not None
    assert list(answers) == [LOCK]


@pytest.mark.parametrize("action", [name for name, action in ACTIONS.items() if action.admin])
@pytest.mark.usefixtures("admin")  # the first user is the owner of Home Assistant
async def test_for_administrators(home: Home, action: str) -> None:
    """What tells or changes rights is for administrators; others are refused at once."""
    user = await home.hass.auth.async_create_user("Carl", group_ids=[GROUP_ID_USER])
    fields: dict[str, Any] = {
        "grant_id": "gr-1",
        "credential_type": "pin",
        "credential_data": "4711",
        "kind": "day",
        "code_id": "c-1",
    }
    known = {str(key) for key in ACTIONS[action].fields}

    with pytest.raises(Unauthorized):
        await act(home, action, user, **{k: v for k, v in fields.items() if k in known})


@pytest.mark.usefixtures("admin")
async def test_for_those_who_may_use_it(home: Home) -> None:
    """What only tells is for everybody who may use the lock's entity."""
    group = await home.hass.auth.async_create_user("Carl", group_ids=[GROUP_ID_USER])
    nobody = await home.hass.auth.async_create_user("Dora", group_ids=["system-read-only"])

    assert await act(home, "get_lock_info", group)
    with pytest.raises(Unauthorized):
        await act(home, "get_lock_info", nobody)


async def test_unknown_user(home: Home) -> None:
    """Whom Home Assistant does not know may do nothing."""
    with pytest.raises(UnknownUser):
        await home.hass.services.async_call(
            "igrs",
            "get_lock_info",
            {ATTR_ENTITY_ID: LOCK},
            blocking=True,
            context=Context(user_id="nobody"),
            return_response=True,
        )


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


async def test_not_allowed_at_the_server(home: Home, anna: User) -> None:
    """Before the owner allows it at the server nothing is managed here, and nothing changes."""
    for action, fields in (
        ("get_lock_users", {}),
        ("set_lock_user", {"user_name": "Plumber", "valid_until": tomorrow()}),
        ("create_temporary_code", {"kind": "hour"}),
        ("get_temporary_codes", {}),
    ):
        with pytest.raises(ServiceValidationError, match="console of the server"):
            await act(home, action, anna, **fields)

    grants = await home.ras.person.get(f"/v1/devices/{DEVICE_ID}/grants")
    assert grants.data["items"] == []


async def test_only_for_the_owner(manager: Home, admin: User) -> None:
    """People are managed by the owner: not by another administrator, not by an automation."""
    guest = {"user_name": "Plumber", "valid_until": tomorrow()}
    person = await bea(manager)
    other = await manager.hass.auth.async_create_user("Bea", group_ids=[GROUP_ID_ADMIN])
    await connect(manager, other, person.user_id)

    for user in (None, admin, other):
        with pytest.raises(ServiceValidationError, match="Only the owner"):
            await act(manager, "set_lock_user", user, **guest)

    grants = await manager.ras.person.get(f"/v1/devices/{DEVICE_ID}/grants")
    assert grants.data["items"] == []


async def test_guest(manager: Home, anna: User) -> None:
    """A guest gets a link, opens with it, is listed, and is ended."""
    given = await act(
        manager,
        "set_lock_user",
        anna,
        user_name="Plumber",
        valid_until=tomorrow(),
        weekday=["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        window_start="00:00",
        window_end="00:00",
        uses=3,
    )

    assert given["user_name"] == "Plumber"
    assert (given["user_type"], given["uses"]) == ("disposable_user", 3)
    assert given["rights"] == ["lock", "unlock"]
    async with ClientSession() as guest, guest.get(given["link"]) as page:
        assert page.status == 200
        assert "Plumber" in await page.text()
    listed = await act(manager, "get_lock_users", anna)
    assert listed["owner"] == "Anna"
    assert [user["grant_id"] for user in listed["users"]] == [given["grant_id"]]
    assert "link" not in listed["users"][0]

    await act(manager, "clear_lock_user", anna, grant_id=given["grant_id"])

    assert (await act(manager, "get_lock_users", anna))["users"] == []


async def test_grant_of_another_lock(
    manager: Home, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant is changed and ended at its own lock only."""
    given = await act(manager, "set_lock_user", anna, user_name="Bea", valid_until=tomorrow())
    grant = {"grant_id": given["grant_id"]}
    monkeypatch.setattr(manager.coordinator, "device_id", "A1B2C3D4E5F7")

    for action, fields in (
        ("set_lock_user", {"notify": True}),
        ("clear_lock_user", {}),
        ("clear_lock_credential", {"credential_type": "pin"}),
        ("get_lock_credential_status", {"credential_type": "pin"}),
    ):
        with pytest.raises(ServiceValidationError, match="no such grant"):
            await act(manager, action, anna, **grant, **fields)


async def test_many_guests(manager: Home, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """More people than the server lists at once are all told, each once."""
    monkeypatch.setattr(access_ras, "PAGE", 2)
    names = [f"Guest {number}" for number in range(5)]
    for name in names:
        await act(manager, "set_lock_user", anna, user_name=name, valid_until=tomorrow())

    users = (await act(manager, "get_lock_users", anna))["users"]

    assert sorted(user["user_name"] for user in users) == names


async def test_schedule(manager: Home, anna: User) -> None:
    """Days and hours of a person are in the time zone of the home, and changed one by one."""
    given = await act(
        manager,
        "set_lock_user",
        anna,
        account="bea@example.org",
        valid_until=tomorrow(),
        weekday=["tue"],
        window_start="09:00",
        window_end="12:30",
    )
    grant_id = given["grant_id"]
    assert given["user_name"] == "bea@example.org"
    assert given["windows"] == [["09:00", "12:30"]]
    assert given["time_zone"] == manager.hass.config.time_zone

    changed = await act(manager, "set_lock_user", anna, grant_id=grant_id, rights=["lock"])
    assert (changed["rights"], changed["weekday"]) == (["lock"], ["tue"])
    assert changed["windows"] == given["windows"]
    assert changed["valid_until"] == given["valid_until"]

    late = await act(manager, "set_lock_user", anna, grant_id=grant_id, window_start="10:00")
    assert late["windows"] == [["10:00", "12:30"]]
    short = await act(manager, "set_lock_user", anna, grant_id=grant_id, window_end="12:00")
    assert short["windows"] == [["10:00", "12:00"]]

    free = await act(
        manager,
        "set_lock_user",
        anna,
        grant_id=grant_id,
        weekday=[],
        window_start="00:00",
        window_end="00:00",
        notify=True,
    )
    assert (free["weekday"], free["windows"], free["notify"]) == ([], [], True)
    assert free["user_type"] == "year_day_schedule_user"


async def test_pin(manager: Home, anna: User) -> None:
    """A PIN is asked for from when it is set, kept when something else changes, told to nobody."""
    given = await act(manager, "set_lock_user", anna, user_name="Bea", valid_until=tomorrow())
    pin = {"credential_type": "pin", "grant_id": given["grant_id"]}

    await act(manager, "set_lock_credential", anna, **pin, credential_data="4711")
    assert (await act(manager, "get_lock_credential_status", anna, **pin))["credential_exists"]
    await act(manager, "set_lock_user", anna, grant_id=given["grant_id"], notify=True)
    listed = await act(manager, "get_lock_users", anna)
    assert listed["users"][0]["credentials"] == [{"type": "pin"}]
    assert "4711" not in str(listed)

    await act(manager, "clear_lock_credential", anna, **pin)
    status = await act(manager, "get_lock_credential_status", anna, **pin)
    assert status == {"credential_exists": False, "grant_id": given["grant_id"]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({}, "exactly one", id="nobody"),
        pytest.param({"user_name": "A", "account": "b@c.de"}, "exactly one", id="two people"),
        pytest.param({"account": "b"}, "e-mail address", id="no account"),
        pytest.param({"user_name": "A", "valid_until": None}, "until when", id="without end"),
        pytest.param({"user_name": "A", "valid_until": 91}, "90 days", id="late end"),
        pytest.param({"user_name": "A", "valid_until": -1}, "90 days", id="early end"),
        pytest.param(
            {"user_name": "A", "window_start": "22:00", "window_end": "06:00"},
            "must end after they begin",
            id="night",
        ),
        pytest.param({"grant_id": "gr-0000000000000000"}, "no such grant", id="unknown grant"),
        pytest.param({"person": "u-0000000000000000"}, "no such grant", id="unknown person"),
    ],
)
async def test_wrong_user(
    manager: Home, anna: User, *, fields: dict[str, Any], message: str
) -> None:
    """What is wrong with a call is told in words, and nothing is given."""
    end = fields.get("valid_until", 1)
    if end is not None:
        end = str(dt_util.now() + timedelta(days=end))
    given = {k: v for k, v in (fields | {"valid_until": end}).items() if v is not None}

    with pytest.raises(ServiceValidationError, match=message):
        await act(manager, "set_lock_user", anna, **given)

    grants = await manager.ras.person.get(f"/v1/devices/{DEVICE_ID}/grants")
    assert grants.data["items"] == []


async def test_given_by_the_owner(manager: Home, anna: User) -> None:
    """What the owner gave at the server is listed and ended here, not changed."""
    person = await bea(manager, rights=["lock", "unlock"])
    user = (await act(manager, "get_lock_users", anna))["users"][0]
    assert user["user_type"] == "unrestricted_user"
    assert user["user_name"] == person.user_id  # who never came is not told by name

    with pytest.raises(ServiceValidationError, match="not given by this Home Assistant"):
        await act(
            manager,
            "set_lock_user",
            anna,
            grant_id=user["grant_id"],
            valid_until=tomorrow(),
        )

    await act(manager, "clear_lock_user", anna, grant_id=user["grant_id"])
    assert (await act(manager, "get_lock_users", anna))["users"] == []


async def test_code(manager: Home) -> None:
    """An automation gives out a code, which opens without a connection, once; it is told once."""
    code = await act(manager, "create_temporary_code", kind="one_time", name="Parcel")
    manager.radio.reset()

    assert manager.lock.type_code(code["code"])
    assert not manager.lock.type_code(code["code"])
    assert manager.radio.traffic.connections == 0
    listed = await act(manager, "get_temporary_codes")
    assert [(each["name"], each["kind"]) for each in listed["codes"]] == [("Parcel", "one_time")]
    assert code["code"] not in str(listed)


async def test_code_of_a_window(manager: Home) -> None:
    """A code of an hour works in its hour, and no more when it was cancelled."""
    soon = dt_util.now() + timedelta(days=2)
    code = await act(manager, "create_temporary_code", kind="hour")
    other = await act(manager, "create_temporary_code", kind="day", start=str(soon))
    start, end = (dt_util.parse_datetime(other[key]) for key in ("valid_from", "valid_until"))
    assert start is not None
    assert end is not None
    assert start <= soon < end
    assert end - start == timedelta(days=1)
    assert not manager.lock.type_code(other["code"])
    assert manager.lock.type_code(code["code"])
    manager.lock.turn_knob(Operation.LOCK)

    await act(manager, "cancel_temporary_code", code_id=code["code_id"])

    await until(lambda: not manager.lock.type_code(code["code"]))
    states = [each["state"] for each in (await act(manager, "get_temporary_codes"))["codes"]]
    assert states == ["cancelled", "live"]


async def test_long_codes(manager: Home, anna: User, admin: User) -> None:
    """Codes for weeks are given out for the owner only."""
    for user in (None, admin):
        with pytest.raises(ServiceValidationError, match="Only the owner"):
            await act(manager, "create_temporary_code", user, kind="week")

    assert (await act(manager, "create_temporary_code", anna, kind="week"))["code"]


async def test_code_of_a_grant(manager: Home, anna: User) -> None:
    """A code of a grant ends with it, and is not given out for longer."""
    end = str(dt_util.now() + timedelta(days=40))
    given = await act(manager, "set_lock_user", anna, user_name="Bea", valid_until=end)
    grant = {"grant_id": given["grant_id"]}
    code = await act(manager, "create_temporary_code", anna, kind="day", **grant)

    listed = await act(manager, "get_lock_users", anna)
    assert listed["users"][0]["credentials"] == [{"type": "code", "code_id": code["code_id"]}]
    await act(manager, "clear_lock_user", anna, **grant)
    codes = (await act(manager, "get_temporary_codes"))["codes"]
    assert [each["state"] for each in codes] == ["cancelled"]


@pytest.mark.parametrize(
    ("action", "fields", "message"),
    [
        pytest.param(
            "create_temporary_code",
            {"kind": "day", "start": str(dt_util.utcnow() + timedelta(days=40))},
            "28 days",
            id="far ahead",
        ),
        pytest.param("cancel_temporary_code", {"code_id": "c-1"}, "no such code", id="unknown"),
        pytest.param(
            "create_temporary_code",
            {"kind": "day", "grant_id": "gr-1"},
            "no such grant",
            id="unknown grant",
        ),
    ],
)
async def test_wrong_code(
    manager: Home, *, action: str, fields: dict[str, Any], message: str
) -> None:
    """What is wrong with a call about codes is told in words."""
    with pytest.raises(ServiceValidationError, match=message):
        await act(manager, action, **fields)


async def test_codes_used_up(manager: Home) -> None:
    """A window has two codes; the third is refused in words."""
    for _ in range(2):
        await act(manager, "create_temporary_code", kind="hour")

    with pytest.raises(ServiceValidationError, match="no room for more"):
        await act(manager, "create_temporary_code", kind="hour")


@pytest.mark.parametrize("lock_options", [{"capabilities": Capability.OPEN}])
async def test_without_keypad(manager: Home) -> None:
    """A lock without keypad gets no codes."""
    assert (await act(manager, "get_lock_info"))["code_kinds"] == []

    with pytest.raises(ServiceValidationError, match="no keypad"):
        await act(manager, "create_temporary_code", kind="day")


async def test_without_the_server(manager: Home, anna: User) -> None:
    """While the server is away nothing is managed, and the reason is told."""
    await manager.switch.stop()

    for action, fields in (
        ("get_lock_users", {}),
        ("set_lock_user", {"user_name": "A", "valid_until": tomorrow()}),
        ("clear_lock_user", {"grant_id": "gr-1"}),
        (
            "set_lock_credential",
            {"credential_type": "pin", "grant_id": "g", "credential_data": "1234"},
        ),
        ("get_lock_credential_status", {"credential_type": "pin", "grant_id": "g"}),
        ("create_temporary_code", {"kind": "day"}),
        ("get_temporary_codes", {}),
        ("cancel_temporary_code", {"code_id": "c-1"}),
        ("export_audit", {}),
        ("verify_audit", {}),
    ):
        with pytest.raises(HomeAssistantError, match="The server does not answer"):
            await act(manager, action, anna, **fields)
    await manager.switch.start()


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


async def test_audit(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit of a lock is exported in order, in parts, and without anything of logins."""
    monkeypatch.setattr("ras_server.application.audits._LIMIT", 3)
    whole = await act(home, "export_audit")
    part = await act(home, "export_audit", limit=2)
    rest = await act(home, "export_audit", after=part["after"])

    assert whole["after"] is None
    assert part["entries"] + rest["entries"] == whole["entries"]
    entries = [each["entry"] for each in whole["entries"]]
    assert {entry["object"] for entry in entries} == {f"dev:{DEVICE_ID}"}
    assert "ticket.issue" in {entry["action"] for entry in entries}
    assert all(len(each["hash"]) == 64 for each in whole["entries"])


async def test_verify_audit(home: Home) -> None:
    """The chain is checked, and that it goes on from what this home has witnessed."""
    checked = await act(home, "verify_audit")
    assert (checked["ok"], checked["agrees_with_witness"]) == (True, True)
    assert checked["first_bad"] is None

    number, _ = home.gateway.memory.audit_head or (0, "")
    home.gateway.memory.audit_head = (number, "00" * 32)
    checked = await act(home, "verify_audit")

    assert (checked["ok"], checked["agrees_with_witness"]) == (False, False)

    home.gateway.memory.audit_head = None
    checked = await act(home, "verify_audit")
    assert (checked["ok"], checked["agrees_with_witness"]) == (True, None)


def test_refusal_of_a_newer_server() -> None:
    """A code that this version does not know is told as what it is, not as a crash."""
    err = refused(RasRefusedError(9999), Wrong.NO_SUCH_USER)

    assert isinstance(err, LockError)
    assert err.reason is Reason.RAS_REFUSES


async def test_secrets(manager: Home, anna: User, caplog: pytest.LogCaptureFixture) -> None:
    """Codes, PINs and links are in the answers alone: not in logs, states, storage, diagnostics."""
    caplog.set_level("DEBUG")
    code = (await act(manager, "create_temporary_code", kind="hour"))["code"]
    given = await act(manager, "set_lock_user", anna, user_name="Bea", valid_until=tomorrow())
    pin = {"credential_type": "pin", "grant_id": given["grant_id"], "credential_data": "90817263"}
    await act(manager, "set_lock_credential", anna, **pin)

    ours = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("custom_components", "ras_server", "aiohttp", "bleak"))
    ]
    told = [
        "\n".join(ours),
        str(manager.hass.states.async_all()),
        str(manager.gateway.memory._as_json()),
        str(await async_get_config_entry_diagnostics(manager.hass, manager.entry)),
        str(await act(manager, "export_audit")),
        str(await act(manager, "explain")),
    ]
    for secret in (code, pin["credential_data"], given["link"].rpartition("/")[2]):
        assert not any(secret in place for place in told)


async def test_stolen_login(manager: Home, anna: User) -> None:
    """What somebody else manages with the login of this home is told, until it was looked after."""
    await act(manager, "create_temporary_code", kind="hour")
    data = manager.entry.data
    thief = await manager.ras.person.another().log_in_gateway(
        {key: data[key] for key in ("gateway_id", "gateway_secret")}
    )
    assert raised(manager) == set()

    stolen = await thief.post(f"/v1/devices/{DEVICE_ID}/codes", {"class": 1})
    assert stolen.http == 201
    await until(lambda: raised(manager) == {Trouble.IMPERSONATED})
    await manager.hass.config_entries.async_reload(manager.entry.entry_id)
    await until(lambda: manager.gateway.online)
    later(manager, 31)
    assert raised(manager) == {Trouble.IMPERSONATED}

    await seen(manager, Trouble.IMPERSONATED, DEVICE_ID)
    later(manager, 62)
    assert raised(manager) == set()
