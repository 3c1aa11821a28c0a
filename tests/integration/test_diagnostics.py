"""Diagnostics help, and give nothing away."""

import json

from homeassistant.const import CONF_URL
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.igrs.const import (
    CONF_GATEWAY_ID,
    CONF_GATEWAY_SECRET,
    CONF_USER_ID,
)
from tests.integration.home import ADDRESS, DEVICE_ID, Home


async def test_diagnostics(home: Home, hass_client: ClientSessionGenerator) -> None:
    """Diagnostics tell how server and locks are; the locks are only numbered."""
    assert await async_setup_component(home.hass, "diagnostics", {})

    told = await get_diagnostics_for_config_entry(home.hass, hass_client, home.entry)

    memory = home.coordinator.memory
    (ticket,) = memory.tickets.values()
    assert told["server"] == {"scheme": "http", "pinned": False, "online": True}
    (lock,) = told["locks"]
    assert (lock["available"], lock["bolt"], lock["battery"]) == (True, "LOCKED", 100)
    assert lock["tickets"] == [
        {
            "gen": 1,
            "rights": int(ticket.rights),
            "issued": ticket.issued,
            "expires": ticket.expires,
        }
    ]
    assert lock["advertisement_keys"] == [1]


async def test_nothing_is_given_away(home: Home, hass_client: ClientSessionGenerator) -> None:
    """No secret, address, account or name is in what is handed to strangers."""
    assert await async_setup_component(home.hass, "diagnostics", {})

    told = json.dumps(
        await get_diagnostics_for_config_entry(home.hass, hass_client, home.entry)
    ).lower()

    memory = home.coordinator.memory
    secrets = [
        home.entry.data[CONF_URL],
        home.entry.data[CONF_USER_ID],
        home.entry.data[CONF_GATEWAY_ID],
        home.entry.data[CONF_GATEWAY_SECRET],
        *(ticket.packet.hex() for ticket in memory.tickets.values()),
        *(ticket.k_t.hex() for ticket in memory.tickets.values()),
        *(key.hex() for key in memory.k_adv.values()),
        home.lock.device.hex(),
        DEVICE_ID,
        ADDRESS,
        home.ras.account,
        "Front door",
        home.ras.url.rpartition("/")[2],
    ]
    assert not [secret for secret in secrets if secret.lower() in told]
