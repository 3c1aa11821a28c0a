"""What every test here is watched by sees what it must."""

from pathlib import Path
import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.deprecation import deprecated_function
from homeassistant.helpers.frame import report_usage
import pytest

from custom_components.igrs import ras
from tests.integration.watch import reports

CALLS = {"open": "open('/dev/null').close()", "sleep": "time.sleep(0)", "read": "path.read_bytes()"}


def run_as_ours(source: str, **names: Any) -> None:
    """Run a line as if it stood in ras.py."""
    exec(compile(source, ras.__file__, "exec"), names)  # noqa: S102 - the test's own


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_seen(blocking: list[str], call: str) -> None:
    """A call that blocks is seen when this integration makes it in the loop."""
    run_as_ours(f"\n{call}", time=time, path=Path("/dev/null"))

    assert {seen.rpartition("/")[2] for seen in blocking} == {"ras.py:2"}
    blocking.clear()


def test_others(blocking: list[str]) -> None:
    """What a test does itself is none of ours."""
    Path("/dev/null").read_bytes()

    assert blocking == []


@pytest.mark.parametrize("call", ["report_usage('errs')", "old()"])
def test_reported(hass: HomeAssistant, caplog: pytest.LogCaptureFixture, call: str) -> None:
    """What Home Assistant says of this integration is seen."""
    old = deprecated_function("another", breaks_in_ha_version="2026.12")(lambda: None)

    run_as_ours(call, report_usage=report_usage, old=old)

    assert len(reports(caplog.records)) == 1
    caplog.clear()


def test_reported_of_others(caplog: pytest.LogCaptureFixture) -> None:
    """What it says of others is none of ours."""
    deprecated_function("another", breaks_in_ha_version="2026.12")(lambda: None)()

    assert reports(caplog.records) == []
