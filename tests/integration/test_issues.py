"""What has to be looked after is shown under Repairs, and goes when it is over."""

from typing import Any
from unittest.mock import AsyncMock

from homeassistant.auth.models import User
import pytest
from pytest_homeassistant_custom_component.common import flush_store

from custom_components.igrs import gateway as gateway_module
from custom_components.igrs.issues import Trouble
from custom_components.igrs.push import Push
from custom_components.igrs.ras_errors import RasSchemaError
from custom_components.igrs.storage import Memory
from tests.integration.actions import act
from tests.integration.home import DEVICE_ID, Home, later, until
from tests.integration.repairs import raised, seen


async def test_clock_drift(home: Home) -> None:
    """Clocks that differ by more than a minute are told, until they agree."""
    home.ras.clock.ahead = 90
    later(home, 31)
    await until(lambda: (home.gateway.ras.ahead or 0) > 60)
    later(home, 62)
    assert raised(home) == {Trouble.CLOCK_DRIFT}

    home.ras.clock.ahead = 0
    later(home, 93)
    await until(lambda: (home.gateway.ras.ahead or 0) < 60)
    later(home, 124)
    assert raised(home) == set()


@pytest.mark.parametrize(
    ("too_old", "trouble"),
    [
        pytest.param(True, Trouble.SERVER_TOO_OLD, id="too old"),
        pytest.param(False, Trouble.SERVER_TOO_NEW, id="too new"),
    ],
)
async def test_other_version(
    home: Home, monkeypatch: pytest.MonkeyPatch, *, too_old: bool, trouble: Trouble
) -> None:
    """A server of another version is told, and tried again until it fits."""
    monkeypatch.setattr(gateway_module, "UPDATE_PAUSE", 0.2)
    error: list[RasSchemaError] = [RasSchemaError(too_old=too_old)]

    def check(_: object) -> None:
        if error:
            raise error[0]

    monkeypatch.setattr("custom_components.igrs.push.check_schema", check)
    await home.switch.stop()
    await home.switch.start()
    await until(lambda: raised(home) == {trouble}, 10)

    error.clear()
    await until(lambda: home.gateway.online, 10)
    assert raised(home) == set()


async def test_lock_unreachable(home: Home) -> None:
    """A lock that missed two changes of its keys is told, until it was reached."""
    home.coordinator.supply.rotations_missed = 2
    later(home, 31)
    assert raised(home) == {Trouble.LOCK_UNREACHABLE}

    home.coordinator.supply.rotations_missed = 0
    later(home, 62)
    assert raised(home) == set()


async def test_audit_gap(home: Home) -> None:
    """An audit that does not go on from where it was is told, until somebody has looked."""
    await until(lambda: home.gateway.memory.audit_head is not None)
    head = home.gateway.memory.audit_head
    assert head is not None
    home.gateway.memory.audit_head = (head[0], "00" * 32)

    await home.gateway._async_witness((head[0] + 1, "11" * 32))
    assert raised(home) == {Trouble.AUDIT_GAP}

    await seen(home, Trouble.AUDIT_GAP)
    assert raised(home) == set()
    await home.gateway._async_witness(head)
    assert home.gateway.memory.audit_head == head
    assert raised(home) == set()


async def test_audit_goes_on(home: Home) -> None:
    """An audit that goes on from where it was is no trouble."""
    await until(lambda: home.gateway.memory.audit_head is not None)
    await home.call("unlock")
    newest = (await home.ras.person.get("/v1/audit/head")).data

    await home.gateway._async_witness((newest["n"], newest["hash"]))

    assert raised(home) == set()
    assert home.gateway.memory.audit_head == (newest["n"], newest["hash"])


async def test_log_gap(home: Home) -> None:
    """Records that neither server nor lock have are told, until somebody has taken note."""
    home.coordinator.memory.gap = (3, 5)
    later(home, 31)
    assert raised(home) == {Trouble.LOG_GAP}

    await seen(home, Trouble.LOG_GAP, DEVICE_ID)
    assert raised(home) == set()
    later(home, 62)
    assert raised(home) == set()


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


@pytest.mark.parametrize(
    "crash", [pytest.param(False, id="reloaded"), pytest.param(True, id="crashed")]
)
async def test_own_change_is_told_late(
    manager: Home,
    anna: User,
    monkeypatch: pytest.MonkeyPatch,
    hass_storage: dict[str, Any],
    *,
    crash: bool,
) -> None:
    """What this home managed itself is its own also if it is told of it after a new start."""
    with monkeypatch.context() as deaf:
        deaf.setattr(Push, "_take", AsyncMock())  # nothing arrives, nothing is acknowledged
        await act(manager, "create_temporary_code", kind="hour")
        if crash:
            await flush_store(manager.gateway.memory._store)
            deaf.setattr(Memory, "async_close", AsyncMock())
        await manager.hass.config_entries.async_unload(manager.entry.entry_id)
    before = hass_storage[f"igrs.{manager.entry.entry_id}"]["data"]["push_after"]

    assert await manager.hass.config_entries.async_setup(manager.entry.entry_id)
    await until(lambda: (manager.gateway.memory.push_after or 0) > (before or 0))

    later(manager, 31)
    assert raised(manager) == set()
