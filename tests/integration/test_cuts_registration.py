"""The link is cut after each step of a registration: the form says so, and works again.

As in test_cuts, which explains how. The RAS sets a lock's clock once a minute, so the person
who adds the lock has to wait that long at most; nothing else is needed.
"""

from dataclasses import dataclass
from typing import Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from igrs_codec.bsld.frame import Bolt
from reference_devices.lock import ReferenceLock
from tests.integration.cuts import LINK, Case, cases
from tests.integration.home import RasSwitch, until
from tests.integration.lock_flow import CODE, heard, offered, press_button
from tests.integration.radio import HomeRadio

_EXCHANGE: Final = ("write ADMIN", "write PROV", "write PROV", "write ADMIN")
_ANSWERS: Final = ("hear ADMIN", "hear PROV", "hear PROV", "hear ADMIN")
_COMMIT: Final = ("write ADMIN", "hear ADMIN", "hear HELLO")

REGISTRATION: Final = (*LINK, *_EXCHANGE, *_ANSWERS, *_COMMIT)
_MINUTE: Final = 61  # seconds


async def submit(hass: HomeAssistant, flow_id: str, **user_input: str) -> ConfigFlowResult:
    """Fill in the form of the flow."""
    return await hass.config_entries.flow.async_configure(flow_id, user_input)


@dataclass(slots=True, kw_only=True)
class Place:
    """A home that is about to take in a lock."""

    hass: HomeAssistant
    entry: MockConfigEntry
    lock: ReferenceLock
    switch: RasSwitch
    radio: HomeRadio
    flow_id: str = ""


@pytest.fixture
def place(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    lock: ReferenceLock,
    switch: RasSwitch,
    radio: HomeRadio,
) -> Place:
    """Return a home and a lock that does not belong to it yet."""
    return Place(hass=hass, entry=entry, lock=lock, switch=switch, radio=radio)


@pytest.fixture
async def ready(place: Place) -> None:
    """Open the pairing window of the lock, and the form that waits for its setup code."""
    place.flow_id = (await offered(place.hass))["flow_id"]
    await press_button(place.hass, place.lock)


@pytest.mark.usefixtures("ready")
async def test_steps(place: Place) -> None:
    """The table of this module is what crosses the air."""
    place.radio.reset()

    result = await submit(place.hass, place.flow_id, setup_code=CODE)

    assert result["reason"] == "lock_added"
    assert place.radio.traffic.trail[: len(REGISTRATION)] == list(REGISTRATION)


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("case", cases(REGISTRATION))
async def test_registration(place: Place, case: Case) -> None:
    """The same form adds the lock at the second try at the latest, and then it works."""
    hass, lock, radio = place.hass, place.lock, place.radio
    radio.reset()
    radio.faults.cut_after, radio.faults.lose_last = case

    result = await submit(hass, place.flow_id, setup_code=CODE)
    assert not radio.faults.cut_after, "the link was not cut"
    if result["type"] is FlowResultType.FORM:
        assert result["errors"] == {"base": "no_answer"}
        place.switch.ras.clock.ahead = _MINUTE
        result = await submit(hass, place.flow_id, setup_code=CODE)

    assert result.get("reason") == "lock_added"
    await hass.async_block_till_done()
    (coordinator,) = place.entry.runtime_data.coordinators.values()
    await until(lambda: not coordinator._work._tasks)
    (entity_id,) = hass.states.async_entity_ids("lock")
    assert (state := hass.states.get(entity_id)) is not None
    assert state.state == "locked"
    await hass.services.async_call("lock", "unlock", {"entity_id": entity_id}, blocking=True)
    assert lock.state.bolt is Bolt.UNLOCKED
    await until(lambda: not coordinator._work._tasks)
    await coordinator.async_rest()
    await until(lambda: not lock._links)
    assert not radio.clients


@pytest.mark.usefixtures("ready")
async def test_lock_gone_after_its_discovery(place: Place) -> None:
    """Without a lock that is heard the form stays; it works once the lock is back."""
    place.radio.forget()

    failed = await submit(place.hass, place.flow_id, setup_code=CODE)
    assert failed["errors"]

    place.radio.listen()
    await until(lambda: heard(place.hass) == place.lock.service_data())
    added = await submit(place.hass, place.flow_id, setup_code=CODE)
    assert added.get("reason") == "lock_added"


@pytest.mark.usefixtures("ready")
async def test_ras_gone_after_the_discovery(place: Place) -> None:
    """While the RAS is away nothing is registered; the form works once it is back."""
    await place.switch.stop()

    failed = await submit(place.hass, place.flow_id, setup_code=CODE)
    assert failed["errors"] == {"base": "cannot_connect"}
    assert place.lock.show()["generation"] == 0

    await place.switch.start()
    added = await submit(place.hass, place.flow_id, setup_code=CODE)
    assert added.get("reason") == "lock_added"
