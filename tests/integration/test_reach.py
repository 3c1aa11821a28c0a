"""A lock that is heard can be operated, also where nothing that it says can be believed."""

from types import MappingProxyType

from homeassistant.components import bluetooth
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.igrs.discovery import FoundLock, async_take
from custom_components.igrs.igrs_codec.bsld.tracker import MEMORY, Want
from igrs_codec.bsld.frame import Bolt
from tests.integration.home import ADDRESS, DEVICE_ID, Home, later, until


@pytest.fixture
async def timeless(home: Home) -> Home:
    """Return a home whose lock has lost its clock while the RAS is away, 300 s ago."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    await home.coordinator.async_rest()
    await home.switch.stop()
    await home.until_state("off", "binary_sensor.home_connectivity")
    home.coordinator._tracker._hello_clock_at = None
    home.peripheral.power_cycle()
    await until(lambda: Want.TIME in home.coordinator._tracker._needs)
    later(home, MEMORY + 1)
    await home.until_state(STATE_UNKNOWN)
    home.radio.reset()
    return home


async def test_lock_without_clock(timeless: Home) -> None:
    """A lock without a clock is locked from here, also while nobody can set its clock."""
    await timeless.call("lock")

    assert timeless.lock.state.bolt is Bolt.LOCKED
    assert timeless.lock.state.clock_unset
    assert timeless.state().state == "locked"


async def test_state_without_clock(timeless: Home) -> None:
    """A lock whose clock cannot be set is asked for its state all the same."""
    tracker = timeless.coordinator._tracker
    assert tracker._quiet_since is not None
    tracker._quiet_since -= MEMORY

    later(timeless, MEMORY + 60)

    await timeless.until_state("unlocked")
    assert timeless.radio.traffic.connections == 1


async def test_out_of_reach_and_back(home: Home) -> None:
    """What is only heard is available without a state; what is not heard is not available."""
    home.radio.forget()
    later(home, MEMORY + 1)
    await home.until_state(STATE_UNAVAILABLE)

    home.radio.advert(ADDRESS, b"\x11" + bytes(9))

    assert home.state().state == STATE_UNKNOWN
    assert home.state("sensor.front_door_battery").state == STATE_UNAVAILABLE
    home.radio.forget()
    later(home, MEMORY + 60)
    await home.until_state(STATE_UNAVAILABLE)


async def test_update_on_a_link_that_is_kept(home: Home) -> None:
    """Who asks for an update of a lock that is gone gets what the lock says now, or nothing."""
    await home.coordinator.learner.async_learn()
    home.radio.silence()
    tracker, links = home.coordinator._tracker, home.radio.traffic.connections
    assert tracker.shown is not None
    old = tracker.shown = tracker.shown._replace(at=tracker.shown.at - MEMORY - 1)
    later(home, MEMORY + 1)
    await home.until_state(STATE_UNKNOWN)

    await home.coordinator.async_refresh()

    assert home.state().state == "locked"
    assert tracker.shown.at > old.at + MEMORY
    assert home.radio.traffic.connections == links


async def test_lock_of_somebody_else(home: Home) -> None:
    """A gateway that was given no key of the adverts operates the lock, and asks for its state."""
    neighbour = await adopted_by_a_neighbour(home)
    (lock,) = (state.entity_id for state in home.hass.states.async_all("lock"))
    assert not home.coordinator.memory.k_adv
    assert home.state(lock).state == STATE_UNKNOWN

    await home.call("unlock", lock)

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert home.state(lock).state == "unlocked"
    await until(lambda: not home.coordinator.learner.busy)
    await home.coordinator.async_rest()
    later(home, MEMORY + 1)
    await home.until_state(STATE_UNKNOWN, lock)
    home.coordinator._tracker._quiet_since -= MEMORY  # type: ignore[operator] # it was heard
    later(home, MEMORY + 60)
    await home.until_state("unlocked", lock)
    await home.hass.config_entries.async_unload(neighbour.entry_id)


async def adopted_by_a_neighbour(home: Home) -> MockConfigEntry:
    """Let a neighbour's Home Assistant use the lock, by a grant, in place of the owner's."""
    bea = await home.ras.person.another().enter("bea@example.org")
    gateway = await bea.post(
        "/v1/gateways", {"name": "Bea", "kind": "home_assistant", "version": "1"}
    )
    given = await home.ras.person.post(
        f"/v1/devices/{DEVICE_ID}/grants",
        {
            "subject": {
                "kind": "gateway",
                "gateway_id": gateway.data["gateway_id"],
                "name": "Bea",
            },
            "rights": ["lock", "unlock"],
        },
    )
    assert given.http == 201, given
    await until(lambda: not home.coordinator._carrier.pending)
    await home.coordinator.async_rest()
    data = home.entry.data | {
        "gateway_id": gateway.data["gateway_id"],
        "gateway_secret": gateway.data["gateway_secret"],
        "user_id": bea.user_id,
    }
    await home.hass.config_entries.async_remove(home.entry.entry_id)
    home.entry = MockConfigEntry(domain="igrs", title="Bea", unique_id="server", data=data)
    home.entry.add_to_hass(home.hass)
    assert await home.hass.config_entries.async_setup(home.entry.entry_id)
    await until(lambda: home.gateway.online)
    info = bluetooth.async_last_service_info(home.hass, ADDRESS)
    assert info is not None
    found = FoundLock.from_advert(info)
    assert found is not None
    new = await async_take(home.hass, home.entry, found, "")
    home.hass.config_entries.async_add_subentry(
        home.entry,
        ConfigSubentry(
            data=MappingProxyType(new.data),
            subentry_type="lock",
            title="Neighbour",
            unique_id=new.device_id,
        ),
    )
    await home.hass.async_block_till_done()
    await until(lambda: bool(home.coordinator.memory.tickets))
    return home.entry
