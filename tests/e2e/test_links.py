"""A real Home Assistant whose links are cut after each step of what is done over them.

The steps of each undertaking stand in a table of tests.e2e.links; the identifier of a test names
the step. What crosses the air, cut at both ends of it, is looked at closer in tests/integration.
"""

import json
from pathlib import Path
import subprocess
import sys
from typing import Any, Final, NamedTuple

import pytest

from tests.e2e.links import STEPS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOT: Final = Path(__file__).resolve().parents[2]
CASES: Final = [
    pytest.param(undertaking, number, id=f"{undertaking}: {number} {step}")
    for undertaking, steps in STEPS.items()
    for number, step in enumerate(steps, 1)
]


class Run(NamedTuple):
    """A run that is over: its folder, what it found wrong at each step, all that it said."""

    folder: Path
    wrong: dict[tuple[str, int], str]
    said: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Cut every link once, in a network of its own."""
    folder = tmp_path_factory.mktemp("links")
    command = [sys.executable, "-m", "tests.e2e.links", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "demo.namespace", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(done.stdout)
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = {(each["undertaking"], each["step"]): each["wrong"] for each in told}
    return Run(folder, wrong, done.stdout + done.stderr)


@pytest.mark.parametrize(("undertaking", "step"), CASES)
def test_cut(run: Run, undertaking: str, step: int) -> None:
    """It comes right by itself, or when asked again; all is shown as it is, and done once."""
    assert run.wrong.get((undertaking, step), "it was not tried") == "", run.said


def test_no_errors_in_logs(run: Run) -> None:
    """Nothing that broke ended in an error of ours."""
    errors = [
        line
        for line in (run.folder / "hass.log").read_text().splitlines()
        if " ERROR " in line and ("igrs" in line or "homeassistant.core" in line)
    ]

    assert errors == []
    assert "Traceback" not in (run.folder / "ras.log").read_text()
    assert "Traceback" not in (run.folder / "locks.log").read_text()
