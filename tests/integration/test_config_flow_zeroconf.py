"""Setting up a server that announces itself."""

from pathlib import Path

from aiohttp.test_utils import unused_port
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from tests.integration.flow import discovered, log_in, server_id, submit
from tests.integration.server import Ras, running_ras

pytestmark = pytest.mark.usefixtures("socket_enabled", "radio")


async def test_zeroconf(hass: HomeAssistant, ras: Ras) -> None:
    """An announced server needs no typing of its address."""
    result = await discovered(hass, server_id=await server_id(ras), base_url=ras.url)

    assert result["step_id"] == "zeroconf_confirm"
    flow = hass.config_entries.flow.async_get(result["flow_id"])
    assert flow["context"]["title_placeholders"] == {"name": "RAS at home"}
    result = await log_in(hass, await submit(hass, result), ras)
    assert result["result"].data[CONF_URL] == ras.url


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param({"server_id": "ras-1"}, id="no address"),
        pytest.param({"base_url": "https://192.0.2.1"}, id="no identity"),
        pytest.param({"server_id": "ras-1", "base_url": "http://192.0.2.1"}, id="no TLS"),
    ],
)
async def test_useless_announcement(hass: HomeAssistant, properties: dict[str, str]) -> None:
    """An announcement that leads nowhere is dropped."""
    result = await discovered(hass, **properties)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "invalid_discovery")


async def test_announced_server_is_gone(hass: HomeAssistant, tmp_path: Path) -> None:
    """An announced server that does not answer can be tried again."""
    port = unused_port()
    result = await discovered(hass, server_id="ras-1", base_url=f"http://127.0.0.1:{port}")
    gone = await submit(hass, result)

    assert gone["errors"] == {"base": "cannot_connect"}
    async with running_ras(tmp_path, port=port) as ras:
        result = await log_in(hass, await submit(hass, gone), ras)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.config_entries.async_unload(result["result"].entry_id)
