"""A short soak: see benchmarks/soak.py for the long one."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from reference_devices.radio import RadioLink
from tests.integration.home import RasSwitch
from tests.soak.house import house
from tests.soak.soak import Soak


@pytest.mark.timeout(240)
async def test_short_soak(
    hass: HomeAssistant,
    mock_bluetooth: None,
    air: RadioLink,
    switch: RasSwitch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After 20 s of use and faults everything is as it should be, by itself."""
    monkeypatch.setattr("custom_components.igrs.learner.RECORDS_DELAY", 1)
    monkeypatch.setattr("custom_components.igrs.learner.FIRST_PAUSE", 2)
    assert await async_setup_component(hass, "bluetooth_adapters", {})
    async with house(hass, air, switch, 5) as home:
        report = await Soak(home, seconds=20).run()

    assert report.wrong == [], str(report)
    assert report.done["Home Assistant"] >= 1
