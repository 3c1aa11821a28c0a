"""Going through the flow that sets up a server."""

from ipaddress import ip_address

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntry,
    ConfigFlowResult,
)
from homeassistant.const import CONF_CODE, CONF_METHOD, CONF_PASSWORD, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from custom_components.igrs.const import DOMAIN
from custom_components.igrs.flow_errors import CONF_ACCOUNT
from tests.integration.server import Ras


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, user_input: dict[str, str] | None = None
) -> ConfigFlowResult:
    """Fill in the form that the flow shows."""
    return await hass.config_entries.flow.async_configure(result["flow_id"], user_input or {})


async def begin(hass: HomeAssistant, url: str) -> ConfigFlowResult:
    """Start the flow and type an address."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "user")
    return await submit(hass, result, {CONF_URL: url})


async def log_in(hass: HomeAssistant, result: ConfigFlowResult, ras: Ras) -> ConfigFlowResult:
    """Go from the account form to the end of the flow, and let the entry set up."""
    assert result["step_id"] == "account"
    result = await submit(hass, result, {CONF_ACCOUNT: ras.account, CONF_PASSWORD: ras.password})
    assert result["step_id"] == "second_factor"
    result = await submit(hass, result, {CONF_METHOD: "email", CONF_CODE: ras.code})
    await hass.async_block_till_done()
    return result


async def revisit(hass: HomeAssistant, entry: ConfigEntry, source: str) -> ConfigFlowResult:
    """Start a flow about an entry that is there."""
    data = dict(entry.data) if source == SOURCE_REAUTH else None
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": source, "entry_id": entry.entry_id}, data=data
    )


def suggested(result: ConfigFlowResult, name: str) -> str | None:
    """Return what a field of the form is filled with."""
    schema = result["data_schema"]
    assert schema is not None
    field = next(key for key in schema.schema if key == name)
    return (field.description or {}).get("suggested_value")


def announcement(**properties: str) -> ZeroconfServiceInfo:
    """Return what a server announces."""
    return ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=8470,
        hostname="ras.local.",
        type="_igrs-ras._tcp.local.",
        name="RAS at home._igrs-ras._tcp.local.",
        properties=properties,
    )


async def discovered(hass: HomeAssistant, **properties: str) -> ConfigFlowResult:
    """Let Home Assistant hear an announcement."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_ZEROCONF}, data=announcement(**properties)
    )


async def server_id(ras: Ras) -> str:
    """Return the identity of the server."""
    return str((await ras.person.get("/v1/info")).data["server_id"])
