"""Adding locks: reference locks on the air, and a real server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
import logging

from homeassistant.components import bluetooth
from homeassistant.config_entries import (
    SOURCE_BLUETOOTH,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlowResult,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.igrs.const import CONF_DEVICE_ID, DOMAIN, SUBENTRY_LOCK
from custom_components.igrs.discovery import async_take, found_locks
from custom_components.igrs.flow_errors import CONF_SETUP_CODE
from igrs_codec.bsld.advert import SERVICE_UUID
from igrs_codec.bsld.label import qr_text, setup_code
from ras_server.application.locks import LOCKS
from ras_server.application.ownership import State
from ras_server.keys import DATABASE
from ras_server.store import devices as store
from ras_server.store.devices import Device
from reference_devices.lock import ReferenceLock
from reference_devices.peripheral import on_air
from reference_devices.radio import RadioLink
from tests.integration.home import (
    ADDRESS,
    DEVICE,
    DEVICE_ID,
    K_F,
    RasSwitch,
    gateway_entry,
    new_lock,
    until,
)
from tests.integration.radio import Faults, HomeRadio
from tests.integration.server import Ras, logged
from tests.ras_server.client import Client

CODE = setup_code(DEVICE, K_F)
OTHER = bytes.fromhex("A1B2C3D4E5F7")
NAME = "Lock E5F6"


@pytest.fixture
async def lock(radio: HomeRadio, air: RadioLink) -> AsyncGenerator[ReferenceLock]:
    """Return a lock on the air, as it comes out of its box."""
    lock = new_lock()
    async with on_air(lock, await air.radio(DEVICE)):
        yield lock


@pytest.fixture
async def entry(
    hass: HomeAssistant, switch: RasSwitch, lock: ReferenceLock
) -> AsyncGenerator[MockConfigEntry]:
    """Return a home that is connected to its server."""
    async with set_up(hass, switch.ras) as entry:
        yield entry


@asynccontextmanager
async def set_up(
    hass: HomeAssistant, ras: Ras, person: Client | None = None
) -> AsyncGenerator[MockConfigEntry]:
    """Set up a home of Anna's, or of somebody else."""
    entry = await gateway_entry(replace(ras, person=person or ras.person))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


async def offered(hass: HomeAssistant) -> ConfigFlowResult:
    """Return the flow that Home Assistant starts when it hears the lock."""
    flows = hass.config_entries.flow
    await until(lambda: bool(flows.async_progress_by_handler(DOMAIN)))
    (flow,) = flows.async_progress_by_handler(DOMAIN)
    assert flow["context"]["unique_id"] == DEVICE_ID
    assert flow["context"]["title_placeholders"] == {"name": NAME}
    return flow


async def heard_again(hass: HomeAssistant) -> ConfigFlowResult:
    """Return how the flow ends that Home Assistant starts when it hears the lock again."""
    while True:
        result = await hass.config_entries.flow.async_init(
            DOMAIN,
            context={"source": SOURCE_BLUETOOTH},
            data=bluetooth.async_last_service_info(hass, ADDRESS, connectable=True),
        )
        if result.get("reason") != "already_in_progress":
            return result
        await asyncio.sleep(0.01)


async def press_button(hass: HomeAssistant, lock: ReferenceLock) -> None:
    """Open the pairing window, and wait until Home Assistant has heard of it."""
    lock.press_button(1)
    await until(lambda: heard(hass) == lock.service_data())


def heard(hass: HomeAssistant) -> bytes | None:
    """Return the service data that Home Assistant heard last."""
    advert = bluetooth.async_last_service_info(hass, ADDRESS, connectable=True)
    return None if advert is None else advert.service_data[SERVICE_UUID]


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, **user_input: str
) -> ConfigFlowResult:
    """Fill in the form of the flow."""
    result = await hass.config_entries.flow.async_configure(result["flow_id"], user_input)
    await hass.async_block_till_done()
    return result


def assert_added(
    hass: HomeAssistant, entry: ConfigEntry, result: ConfigFlowResult, reason: str
) -> None:
    """Check that the flow ended with the lock as a subentry with a device."""
    assert (result["type"], result.get("reason")) == (FlowResultType.ABORT, reason)
    (subentry,) = entry.subentries.values()
    assert (subentry.subentry_type, subentry.unique_id) == (SUBENTRY_LOCK, DEVICE_ID)
    assert (subentry.title, dict(subentry.data)) == (NAME, {CONF_DEVICE_ID: DEVICE_ID})
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, DEVICE_ID), entry.entry_id)
    assert device is not None


async def test_discovered(hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock) -> None:
    """A lock that is heard is registered with its setup code, and becomes a device."""
    result = await offered(hass)
    assert result["step_id"] == "register"
    await press_button(hass, lock)

    result = await submit(hass, result, setup_code=CODE)

    assert_added(hass, entry, result, "lock_added")
    assert lock.show()["generation"] == 1


@pytest.mark.usefixtures("entry")
async def test_nothing_secret_is_logged(
    hass: HomeAssistant, lock: ReferenceLock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the setup code nor a key of the lock is logged, whatever the level."""
    caplog.set_level(logging.DEBUG)
    result = await offered(hass)
    await press_button(hass, lock)
    result = await submit(hass, result, setup_code=CODE)
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    memory = entry.runtime_data.memory.lock(DEVICE_ID)

    told = logged(caplog).lower()
    assert result["reason"] == "lock_added"
    assert CODE.lower() not in told
    assert K_F.hex() not in told
    for ticket in memory.tickets.values():
        assert ticket.k_t.hex() not in told
        assert ticket.packet.hex() not in told
    for key in memory.k_adv.values():
        assert key.hex() not in told


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(CODE.lower(), id="small letters"),
        pytest.param(" ".join(CODE[i : i + 4] for i in range(0, 32, 4)), id="groups"),
        pytest.param(qr_text(DEVICE, K_F), id="QR code"),
    ],
)
async def test_ways_to_write_the_code(
    hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock, typed: str
) -> None:
    """The setup code may be typed as it is printed, or scanned."""
    result = await offered(hass)
    await press_button(hass, lock)

    assert_added(hass, entry, await submit(hass, result, setup_code=typed), "lock_added")


async def test_code_known_to_the_server(
    hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock, switch: RasSwitch
) -> None:
    """A lock whose maker has told the server needs no setup code."""
    locks = switch.ras.app[LOCKS]
    device = Device(
        device_id=DEVICE_ID,
        k_f=locks.custody.seal_label(locks.custody.imported(DEVICE, K_F)),
        state=State.KNOWN,
        created=locks.now,
    )
    store.add_known(switch.ras.app[DATABASE], [device])
    result = await offered(hass)
    await press_button(hass, lock)

    assert_added(hass, entry, await submit(hass, result), "lock_added")


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="none"),
        pytest.param(CODE[:-1], id="short"),
        pytest.param(CODE[:-1] + ("A" if CODE[-1] != "A" else "B"), id="slip"),
        pytest.param(setup_code(OTHER, K_F), id="of another lock"),
        pytest.param(qr_text(OTHER, K_F), id="QR code of another lock"),
        pytest.param("BSLD1:nonsense", id="no QR code"),
        pytest.param(setup_code(DEVICE, bytes(16)), id="right form, wrong key"),
    ],
)
async def test_wrong_code(
    hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock, switch: RasSwitch, typed: str
) -> None:
    """A wrong setup code stays in the form; the right one registers the lock."""
    result = await offered(hass)
    await press_button(hass, lock)
    wrong = await submit(hass, result, setup_code=typed)

    assert wrong["errors"] == {CONF_SETUP_CODE: "wrong_setup_code"}
    assert suggested(wrong) == typed
    switch.ras.clock.ahead = 70  # the server sets a clock once a minute
    result = await submit(hass, wrong, setup_code=CODE)
    assert_added(hass, entry, result, "lock_added")


def suggested(result: ConfigFlowResult) -> str | None:
    """Return what the setup code is filled with."""
    schema = result["data_schema"]
    assert schema is not None
    field = next(key for key in schema.schema if key == CONF_SETUP_CODE)
    return (field.description or {}).get("suggested_value")


async def test_window_closed(
    hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock
) -> None:
    """Without the button the lock is not touched; with it the same form goes on."""
    closed = await submit(hass, await offered(hass), setup_code=CODE)

    assert closed["errors"] == {"base": "window_closed"}
    assert suggested(closed) == CODE
    await press_button(hass, lock)
    assert_added(hass, entry, await submit(hass, closed, setup_code=CODE), "lock_added")


async def test_server_down(
    hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock, switch: RasSwitch
) -> None:
    """A server that does not answer is told; when it is back the same form goes on."""
    result = await offered(hass)
    await press_button(hass, lock)
    await switch.stop()
    down = await submit(hass, result, setup_code=CODE)
    await switch.start()

    assert down["errors"] == {"base": "cannot_connect"}
    assert_added(hass, entry, await submit(hass, down, setup_code=CODE), "lock_added")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up connecting early."""
    monkeypatch.setattr("custom_components.igrs.link.CONNECT_TIMEOUT", 0.5)


@pytest.mark.usefixtures("entry", "_impatient")
@pytest.mark.parametrize(
    ("faults", "error"),
    [
        pytest.param(Faults(refuse_connections=2), "not_connected", id="no connection"),
        pytest.param(Faults(taken=3), "no_slot", id="no slot"),
    ],
)
async def test_no_connection(
    hass: HomeAssistant, lock: ReferenceLock, radio: HomeRadio, faults: Faults, error: str
) -> None:
    """A lock that cannot be connected to is told, with Home Assistant's own explanation."""
    result = await offered(hass)
    await press_button(hass, lock)
    radio.faults = faults
    failed = await submit(hass, result, setup_code=CODE)
    radio.faults = Faults()

    assert failed["errors"] == {"base": error}
    assert (failed["description_placeholders"] or {})["why"]
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert_added(hass, entry, await submit(hass, failed, setup_code=CODE), "lock_added")


async def test_deaf_lock(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    lock: ReferenceLock,
    radio: HomeRadio,
    switch: RasSwitch,
) -> None:
    """A lock that hangs up is told; the registration can be repeated after a minute."""
    result = await offered(hass)
    await press_button(hass, lock)
    radio.faults.fail_writes = 1
    failed = await submit(hass, result, setup_code=CODE)
    early = await submit(hass, failed, setup_code=CODE)
    switch.ras.clock.ahead = 70  # the server sets a clock once a minute

    assert failed["errors"] == {"base": "no_answer"}
    assert early["errors"] == {"base": "too_many_tries"}
    assert_added(hass, entry, await submit(hass, early, setup_code=CODE), "lock_added")


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


@pytest.mark.parametrize(
    ("address", "service_data"),
    [
        pytest.param(ADDRESS, bytes(3), id="other service data"),
        pytest.param(
            "9E1F4B5C-8E5A-4A6D-9C3B-2F1D0E9A8B7C", bytes.fromhex("10") + bytes(9), id="no address"
        ),
    ],
)
async def test_not_a_lock(
    hass: HomeAssistant, radio: HomeRadio, address: str, service_data: bytes
) -> None:
    """What only looks like a lock is dropped."""
    radio.advert(address, service_data)
    advert = bluetooth.async_last_service_info(hass, address, connectable=True)

    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_BLUETOOTH}, data=advert
    )

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_supported")


async def add_by_hand(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    """Start to add a lock to a home."""
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_LOCK), context={"source": SOURCE_USER}
    )


async def fill_in(
    hass: HomeAssistant, result: SubentryFlowResult, **user_input: str
) -> SubentryFlowResult:
    """Fill in the form of a lock that is added by hand."""
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], user_input)
    await hass.async_block_till_done()
    return result


async def test_by_hand(hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock) -> None:
    """A lock in sight can be chosen; the offer to add it is withdrawn."""
    await offered(hass)
    result = await add_by_hand(hass, entry)
    wrong = await fill_in(hass, result, lock=DEVICE_ID, setup_code="")
    await press_button(hass, lock)
    result = await fill_in(hass, wrong, lock=DEVICE_ID, setup_code=CODE)

    assert wrong["errors"] == {"base": "window_closed"}
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = entry.subentries.values()
    assert (subentry.title, subentry.unique_id) == (NAME, DEVICE_ID)
    assert subentry.data == {CONF_DEVICE_ID: DEVICE_ID}
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)


@pytest.mark.usefixtures("radio")
async def test_no_lock_in_sight(hass: HomeAssistant, switch: RasSwitch) -> None:
    """Without a lock there is nothing to choose."""
    async with set_up(hass, switch.ras) as entry:
        result = await add_by_hand(hass, entry)

        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_locks_found")


async def test_home_not_set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Without its server a home takes no locks."""
    await hass.config_entries.async_unload(entry.entry_id)

    result = await add_by_hand(hass, entry)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_not_loaded")
