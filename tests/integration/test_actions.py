"""What all actions have in common: their targets, who may call them, and what they keep secret."""

from typing import Any

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest

from custom_components.igrs.action_errors import Wrong, refused
from custom_components.igrs.diagnostics import async_get_config_entry_diagnostics
from custom_components.igrs.errors import LockError, Reason
from custom_components.igrs.ras_errors import RasRefusedError
from custom_components.igrs.services import ACTIONS
from tests.integration.actions import act, tomorrow
from tests.integration.home import LOCK, Home


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
