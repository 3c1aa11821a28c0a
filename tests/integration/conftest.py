"""A home in one process: Home Assistant, its radio, locks on the air, and their RAS."""

from collections.abc import AsyncGenerator
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from reference_devices.radio import RadioLink
from tests.integration.radio import HomeRadio, home_radio
from tests.integration.server import Ras, running_ras


@pytest.fixture(autouse=True)
def _custom_integration(enable_custom_integrations: None) -> None:
    """Let Home Assistant find this integration."""


@pytest.fixture
def air() -> RadioLink:
    """Return the air of the home."""
    return RadioLink()


@pytest.fixture
async def radio(
    hass: HomeAssistant, mock_bluetooth: None, air: RadioLink
) -> AsyncGenerator[HomeRadio]:
    """Return the Bluetooth adapter of the home."""
    assert await async_setup_component(hass, "bluetooth_adapters", {})
    await hass.async_block_till_done()
    async with home_radio(hass, air) as radio:
        yield radio


@pytest.fixture
async def ras(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[Ras]:
    """Return a running RAS at which Anna has an account."""
    async with running_ras(tmp_path) as ras:
        yield ras
