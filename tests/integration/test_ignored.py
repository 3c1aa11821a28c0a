"""What somebody chose to ignore is not offered again."""

from homeassistant.config_entries import SOURCE_IGNORE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.igrs.const import DOMAIN
from tests.integration.flow import discovered
from tests.integration.home import DEVICE_ID
from tests.integration.lock_flow import NAME, heard_again, offered


async def ignore(hass: HomeAssistant, unique_id: str) -> None:
    """Ignore what was discovered, as a person does in the frontend."""
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": unique_id, "title": NAME},
    )
    await hass.async_block_till_done()


@pytest.mark.usefixtures("entry", "lock")
async def test_ignored_lock(hass: HomeAssistant) -> None:
    """A lock that is ignored stays so, however often it is heard."""
    await offered(hass)
    await ignore(hass, DEVICE_ID)

    result = await heard_again(hass)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


@pytest.mark.usefixtures("radio")
async def test_ignored_server(hass: HomeAssistant) -> None:
    """So does a server, whatever address it announces."""
    await ignore(hass, "ras-1")

    result = await discovered(hass, server_id="ras-1", base_url="https://192.0.2.1")

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
