"""Adding locks: whose a lock is, and in which home it is offered."""

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.igrs.const import DOMAIN
from custom_components.igrs.discovery import async_take, found_locks
from reference_devices.lock import ReferenceLock
from tests.integration.home import RasSwitch, until
from tests.integration.lock_flow import (
    CODE,
    assert_added,
    heard,
    heard_again,
    offered,
    press_button,
    set_up,
    submit,
)
from tests.ras_server.client import Client


async def test_no_home(hass: HomeAssistant, lock: ReferenceLock, switch: RasSwitch) -> None:
    """Before a server is set up the lock is dropped; afterwards it is offered again."""
    await until(lambda: heard(hass) is not None)
    result = await heard_again(hass)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_home")
    await hass.async_block_till_done(wait_background_tasks=True)

    async with set_up(hass, switch.ras):
        assert (await offered(hass))["step_id"] == "register"


async def test_which_home(hass: HomeAssistant, lock: ReferenceLock, switch: RasSwitch) -> None:
    """With several homes the form asks for which one the lock is."""
    bert = await switch.ras.person.another().enter("bert@example.org")
    async with set_up(hass, switch.ras), set_up(hass, switch.ras, bert) as home:
        result = await offered(hass)
        await press_button(hass, lock)

        result = await submit(hass, result, setup_code=CODE)  # shown before Bert's was there
        assert not home.subentries
        result = await submit(hass, result, home=home.entry_id, setup_code=CODE)

        assert_added(hass, home, result, "lock_added")


@pytest.fixture
async def owned(hass: HomeAssistant, lock: ReferenceLock, switch: RasSwitch) -> Client:
    """Let Bert's home, which is somewhere else by now, own the lock; return Bert."""
    bert = await switch.ras.person.another().enter("bert@example.org")
    async with set_up(hass, switch.ras, bert) as entry:
        result = await offered(hass)
        await press_button(hass, lock)
        assert_added(hass, entry, await submit(hass, result, setup_code=CODE), "lock_added")
    await hass.config_entries.async_remove(entry.entry_id)
    await until(lambda: heard(hass) == lock.service_data())
    return bert


async def test_lock_of_somebody_else(hass: HomeAssistant, owned: Client, switch: RasSwitch) -> None:
    """A neighbour's lock is not offered."""
    async with set_up(hass, switch.ras):
        result = await heard_again(hass)

        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "owned_by_other")


async def test_adopted(hass: HomeAssistant, owned: Client, switch: RasSwitch) -> None:
    """A lock of the account is taken over as it is, without its setup code."""
    async with set_up(hass, switch.ras), set_up(hass, switch.ras, owned) as entry:
        result = await offered(hass)
        assert result["step_id"] == "adopt"
        assert not entry.subentries

        assert_added(hass, entry, await submit(hass, result), "adopted")


async def test_home_unloaded_while_the_form_is_open(
    hass: HomeAssistant, owned: Client, switch: RasSwitch
) -> None:
    """A home that is unloaded takes no lock; once it is back the same form will do."""
    async with set_up(hass, switch.ras), set_up(hass, switch.ras, owned) as entry:
        result = await offered(hass)
        await hass.config_entries.async_unload(entry.entry_id)

        result = await submit(hass, result)

        assert result["errors"] == {"base": "cannot_connect"}
        assert await hass.config_entries.async_setup(entry.entry_id)
        assert_added(hass, entry, await submit(hass, result), "adopted")


async def test_owner_is_not_known_while_the_server_is_down(
    hass: HomeAssistant, owned: Client, switch: RasSwitch
) -> None:
    """Whose lock it is only the server knows; it is asked again later."""
    async with set_up(hass, switch.ras):
        await heard_again(hass)
        await switch.stop()
        result = await heard_again(hass)
        await switch.start()

        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "cannot_connect")


async def test_taken_while_the_form_is_open(
    hass: HomeAssistant, lock: ReferenceLock, switch: RasSwitch
) -> None:
    """A lock that somebody else registers meanwhile is refused."""
    bert = await switch.ras.person.another().enter("bert@example.org")
    async with set_up(hass, switch.ras), set_up(hass, switch.ras, bert) as other:
        flow = await offered(hass)
        await press_button(hass, lock)
        (found,) = found_locks(hass)
        await async_take(hass, other, found, CODE)
        await until(lambda: heard(hass) == lock.service_data())
        mine = next(e for e in hass.config_entries.async_entries(DOMAIN) if e is not other)

        result = await submit(hass, await submit(hass, flow), home=mine.entry_id, setup_code=CODE)

        assert result["errors"] == {"base": "owned_by_other"}
        assert_added(
            hass,
            other,
            await submit(hass, result, home=other.entry_id, setup_code=CODE),
            "lock_added",
        )


async def test_already_here(
    hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock
) -> None:
    """A lock that is set up is not offered again."""
    result = await offered(hass)
    await press_button(hass, lock)
    await submit(hass, result, setup_code=CODE)

    result = await heard_again(hass)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_reset_by_hand(
    hass: HomeAssistant, owned: Client, lock: ReferenceLock, switch: RasSwitch
) -> None:
    """A lock that was reset at the door is registered again by its owner, as if it were new."""
    lock.press_button(10)
    await until(lambda: heard(hass) == lock.service_data())
    async with set_up(hass, switch.ras, owned) as entry:
        result = await submit(hass, await offered(hass), setup_code=CODE)
        assert result["errors"] == {"base": "window_closed"}
        await press_button(hass, lock)
        result = await submit(hass, result, setup_code=CODE)
        assert result["errors"] == {"base": "too_many_tries"}
        switch.ras.clock.ahead = 70  # the server sets a clock once a minute

        assert_added(hass, entry, await submit(hass, result, setup_code=CODE), "lock_added")
