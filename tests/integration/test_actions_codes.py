"""The actions about codes for the keypad."""

from datetime import timedelta
from typing import Any

from homeassistant.auth.models import User
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest

from igrs_codec.bsld.frame import Capability, Operation
from tests.integration.actions import act
from tests.integration.home import Home, until


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
