"""Twenty locks, everybody uses every door, and everything fails now and then.

Home Assistant with two adapters on Bumble's virtual radio, the reference locks and a RAS over
HTTP, all in one process. Prints a table; fails if anything is wrong when all has come to rest.
Run: python -m benchmarks.soak [--minutes 10] [--locks 20] [--seed 1]
"""

import argparse
import asyncio
import os
import sys
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from reference_devices.radio import RadioLink
from tests.integration.home import RasSwitch
from tests.soak.conftest import _custom_integration, _quiet, air, switch
from tests.soak.house import house
from tests.soak.soak import Soak

__all__ = ["_custom_integration", "_quiet", "air", "switch"]

_OPTIONS: Final = {"minutes": 10.0, "locks": 20, "seed": 1}
_GROWTH: Final = 1.05
"""How much bigger the process may be at the end than after two minutes."""
_MORE_OBJECTS: Final = 1.1
"""The logs of the locks fill up, and what is measured of the last 100 operations of each."""


def _option(name: str) -> float:
    return float(os.environ.get(f"SOAK_{name.upper()}", _OPTIONS[name]))


@pytest.mark.timeout(0)
async def test_soak(
    hass: HomeAssistant,
    mock_bluetooth: None,
    air: RadioLink,
    switch: RasSwitch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At rest nothing is wrong, lost, or left over, and the process has not grown."""
    asyncio.get_running_loop().set_debug(False)
    assert await async_setup_component(hass, "bluetooth_adapters", {})
    async with house(hass, air, switch, int(_option("locks"))) as home:
        soak = Soak(home, seconds=60 * _option("minutes"), seed=int(_option("seed")))
        report = await soak.run()
    with capsys.disabled():
        print(f"\n{report}")
    assert report.wrong == []
    assert report.early is not None
    assert report.late is not None
    assert report.late.resident <= _GROWTH * report.early.resident
    assert report.late.objects <= _MORE_OBJECTS * report.early.objects


def main() -> None:
    """Run it with the options of the command line."""
    parser = argparse.ArgumentParser(description="Twenty locks, use and faults")
    for name, default in _OPTIONS.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    for name, value in vars(parser.parse_args()).items():
        os.environ[f"SOAK_{name.upper()}"] = str(value)
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:logging", "--timeout=0", __file__]
    os.execv(sys.executable, pytest_)  # noqa: S606 - another process: pytest wants to be first


if __name__ == "__main__":
    main()
