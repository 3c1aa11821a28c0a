"""Going through the flow that adds a lock which Home Assistant hears."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

from homeassistant.components import bluetooth
from homeassistant.config_entries import SOURCE_BLUETOOTH, ConfigEntry, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.igrs.const import CONF_DEVICE_ID, DOMAIN, SUBENTRY_LOCK
from igrs_codec.bsld.advert import SERVICE_UUID
from igrs_codec.bsld.label import setup_code
from reference_devices.lock import ReferenceLock
from tests.integration.home import ADDRESS, DEVICE, DEVICE_ID, K_F, gateway_entry, until
from tests.integration.server import Ras
from tests.ras_server.client import Client

CODE = setup_code(DEVICE, K_F)
NAME = "Lock E5F6"


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
