"""The actions about the people of a lock, and their PINs."""

from datetime import timedelta
from typing import Any

from aiohttp import ClientSession
from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import User
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest

from custom_components.igrs import access_ras
from tests.integration.actions import act, tomorrow
from tests.integration.home import DEVICE_ID, Home
from tests.integration.people import bea, connect


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
