"""IGRS smart locks: a Bluetooth gateway and its remote access server (RAS).

ISO/IEC 14543-5-104 describes the parties; what they say to each other is this project's own
profile. One config entry is one home's account at a RAS, one subentry is one lock.
"""

import asyncio
from typing import Final

from homeassistant.components import bluetooth
from homeassistant.config_entries import ConfigEntryState, UpdateListenerType
from homeassistant.const import CONF_URL, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.typing import ConfigType

from .answers import GatewayCredentials
from .const import CONF_FINGERPRINT, CONF_GATEWAY_ID, CONF_GATEWAY_SECRET, CONF_SERVER_ID, DOMAIN
from .gateway import Gateway, IgrsConfigEntry
from .igrs_codec.bsld.advert import SERVICE_UUID
from .ras import GatewayClient
from .ras_errors import RasAuthError, RasCertificateError, RasError
from .services import async_setup_services
from .storage import Memory

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.LOCK,
    Platform.NUMBER,
    Platform.SENSOR,
    Platform.UPDATE,
]
LOGIN_TIMEOUT: Final = 10  # seconds

CONFIG_SCHEMA: Final = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, _: ConfigType) -> bool:
    """Offer the actions, whether a home is set up or not."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: IgrsConfigEntry) -> bool:
    """Run the gateway of one home; with tickets it also runs while the RAS is down."""
    fingerprint = entry.data[CONF_FINGERPRINT]
    memory = Memory(hass, entry.entry_id)
    await memory.async_load()
    ras = GatewayClient(
        async_get_clientsession(hass),
        entry.data[CONF_URL],
        GatewayCredentials(
            gateway_id=entry.data[CONF_GATEWAY_ID],
            gateway_secret=entry.data[CONF_GATEWAY_SECRET],
        ),
        fingerprint=None if fingerprint is None else bytes.fromhex(fingerprint),
        managing=memory.manages,
    )
    await _async_check(entry, ras, memory)
    hub = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.data[CONF_SERVER_ID])},
        entry_type=dr.DeviceEntryType.SERVICE,
        name=entry.title,
        configuration_url=entry.data[CONF_URL],
    )
    gateway = entry.runtime_data = Gateway(hass, entry, ras, memory, hub.id)
    entry.async_on_unload(entry.add_update_listener(_follow(entry)))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    gateway.async_start()
    entry.async_on_unload(entry.async_on_state_change(lambda: _rediscover(hass, entry)))
    return True


async def _async_check(entry: IgrsConfigEntry, ras: GatewayClient, memory: Memory) -> None:
    """Log the gateway in; a RAS that is down only matters while there is no ticket."""
    try:
        async with asyncio.timeout(LOGIN_TIMEOUT):
            await ras.access_token()
    except RasAuthError as err:
        raise ConfigEntryAuthFailed(
            translation_domain=DOMAIN, translation_key="gateway_refused"
        ) from err
    except (RasError, TimeoutError) as err:
        if memory.has_tickets:
            return
        if isinstance(err, RasCertificateError):
            raise ConfigEntryNotReady(
                translation_domain=DOMAIN,
                translation_key="certificate_changed",
                translation_placeholders={"url": entry.data[CONF_URL]},
            ) from err
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="ras_unreachable",
            translation_placeholders={"url": entry.data[CONF_URL]},
        ) from err


@callback
def _rediscover(hass: HomeAssistant, entry: IgrsConfigEntry) -> None:
    """Have the locks that are in sight already discovered, now that there is a home for them.

    Each is announced only once.
    """
    if entry.state is not ConfigEntryState.LOADED:
        return
    for info in bluetooth.async_discovered_service_info(hass, connectable=True):
        if SERVICE_UUID in info.service_data:
            bluetooth.async_rediscover_address(hass, info.address)


def _follow(entry: IgrsConfigEntry) -> UpdateListenerType:
    """Return what follows a changed entry: locks come and go without a reload."""
    data = entry.data

    async def updated(hass: HomeAssistant, entry: IgrsConfigEntry) -> None:
        if entry.data != data:  # another address or secret
            hass.config_entries.async_schedule_reload(entry.entry_id)
        else:
            entry.runtime_data.async_follow_subentries()

    return updated


async def async_unload_entry(hass: HomeAssistant, entry: IgrsConfigEntry) -> bool:
    """Stop the gateway."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.async_stop()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: IgrsConfigEntry) -> None:
    """Delete the tickets and keys."""
    await Memory(hass, entry.entry_id).async_remove()
