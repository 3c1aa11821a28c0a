"""Adding locks: reference locks on the air, and a real server."""

import logging
from typing import Any

from homeassistant.components import bluetooth
from homeassistant.config_entries import SOURCE_BLUETOOTH, SOURCE_USER, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.igrs import discovery
from custom_components.igrs.answers import Registration
from custom_components.igrs.const import CONF_DEVICE_ID, DOMAIN, SUBENTRY_LOCK
from custom_components.igrs.flow_errors import CONF_SETUP_CODE
from igrs_codec.bsld.label import qr_text, setup_code
from ras_server.application.locks import LOCKS
from ras_server.application.ownership import State
from ras_server.keys import DATABASE
from ras_server.store import devices as store
from ras_server.store.devices import Device
from reference_devices.lock import ReferenceLock
from tests.integration.flow import suggested
from tests.integration.home import ADDRESS, DEVICE, DEVICE_ID, K_F, RasSwitch, until
from tests.integration.lock_flow import (
    CODE,
    NAME,
    assert_added,
    offered,
    press_button,
    set_up,
    submit,
)
from tests.integration.radio import Faults, HomeRadio
from tests.integration.server import logged

OTHER = bytes.fromhex("A1B2C3D4E5F7")


async def test_discovered(hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock) -> None:
    """A lock that is heard is registered with its setup code, and becomes a device."""
    result = await offered(hass)
    assert result["step_id"] == "register"
    await press_button(hass, lock)

    result = await submit(hass, result, setup_code=CODE)

    assert_added(hass, entry, result, "lock_added")
    assert lock.show()["generation"] == 1


async def test_home_unloaded_meanwhile(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    lock: ReferenceLock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lock that is registered while its home is unloaded is there when the home is back."""
    register = discovery.async_register

    async def slowly(*args: Any, **kwargs: Any) -> Registration:
        registration = await register(*args, **kwargs)
        await hass.config_entries.async_unload(entry.entry_id)
        return registration

    monkeypatch.setattr(discovery, "async_register", slowly)
    result = await offered(hass)
    await press_button(hass, lock)
    result = await submit(hass, result, setup_code=CODE)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "lock_added")

    assert await hass.config_entries.async_setup(entry.entry_id)

    assert_added(hass, entry, result, "lock_added")
    await until(lambda: bool(entry.runtime_data.memory.lock(DEVICE_ID).tickets))


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
    assert suggested(wrong, CONF_SETUP_CODE) == typed
    switch.ras.clock.ahead = 70  # the server sets a clock once a minute
    result = await submit(hass, wrong, setup_code=CODE)
    assert_added(hass, entry, result, "lock_added")


async def test_window_closed(
    hass: HomeAssistant, entry: MockConfigEntry, lock: ReferenceLock
) -> None:
    """Without the button the lock is not touched; with it the same form goes on."""
    closed = await submit(hass, await offered(hass), setup_code=CODE)

    assert closed["errors"] == {"base": "window_closed"}
    assert suggested(closed, CONF_SETUP_CODE) == CODE
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
