"""The whole: server, locks and a real Home Assistant, in a network of their own."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
import subprocess
import sys
from typing import Final, NamedTuple

import pytest

from demo.check import CHECKS, GUEST, GUEST_PASSWORD, title
from demo.home import ACCOUNT, ACCOUNT_PASSWORD
from igrs_codec.bsld.keys import device_id_from_text
from igrs_codec.bsld.label import parse_setup_code

pytestmark = pytest.mark.e2e

ROOT: Final = Path(__file__).resolve().parents[2]

# The usual Home Assistant, which has a test harness; the oldest; the newest.
PINNED: Final = {
    match[1]: path.stem.removeprefix("hass").removeprefix("-") or None
    for path in sorted((ROOT / "requirements").glob("hass*.txt"))
    if (match := re.search(r"^homeassistant==(\S+)", path.read_text(), re.MULTILINE))
}


class Run(NamedTuple):
    """A run of the demo that is over: its Home Assistant, folder, table, exit status."""

    version: str
    folder: Path
    table: str
    status: int


@pytest.fixture(scope="module", params=PINNED)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run script/demo --check once with each Home Assistant, without its set-up."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "demo", "--check", "--folder", str(folder)]
    if (other := PINNED[request.param]) is not None:
        command += ["--home-assistant", other]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return Run(request.param, folder, done.stdout + done.stderr, done.returncode)


def test_version(demo: Run) -> None:
    """The Home Assistant that ran is the one that was asked for."""
    assert (demo.folder / "hass/.HA_VERSION").read_text() == demo.version


def test_versions() -> None:
    """The oldest Home Assistant is the one that the stores are told."""
    assert json.loads((ROOT / "hacs.json").read_text())["homeassistant"] == min(PINNED)
    assert len(PINNED) == 3


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", CHECKS, ids=title)
def test_step(demo: Run, step: object) -> None:
    """What the demo promises held."""
    lines = [line for line in demo.table.splitlines() if line.startswith(title(step))]

    assert [line.rsplit(maxsplit=1)[-1] for line in lines] == ["ok"], demo.table


def test_status(demo: Run) -> None:
    """The exit status says that all of it held."""
    assert demo.status == 0, demo.table


def secrets(folder: Path) -> Iterator[bytes]:
    """Return what nobody but its owner may ever read."""
    yield from (ACCOUNT_PASSWORD.encode(), GUEST_PASSWORD.encode())
    for label in json.loads((folder / "locks/labels.json").read_text()):
        code = label["setup_code"]
        key = parse_setup_code(device_id_from_text(label["device_id"]), code)
        yield from (code.encode(), code.lower().encode(), key, key.hex().encode())
    entries = json.loads((folder / "hass/.storage/core.config_entries").read_text())
    for entry in entries["data"]["entries"]:
        if entry["domain"] == "igrs":
            yield entry["data"]["gateway_secret"].encode()


def test_secrets_stay_where_they_belong(demo: Run) -> None:
    """No secret is in a log, in Home Assistant's history, or readable in the server's files."""
    places = [
        *demo.folder.glob("*.log"),
        *(demo.folder / "hass").glob("home-assistant*"),
        *(demo.folder / "ras").glob("ras.db*"),
        demo.folder / "hass/.storage/core.restore_state",
    ]
    found = {
        place.name
        for place in places
        for secret in secrets(demo.folder)
        if secret in place.read_bytes()
    }

    assert len(places) > 3
    assert found == set()


def test_accounts_stay_out_of_home_assistant(demo: Run) -> None:
    """Home Assistant keeps neither the account nor the password that it logged in with."""
    for path in (demo.folder / "hass/.storage").iterdir():
        content = path.read_text()
        assert ACCOUNT not in content
        assert GUEST not in content


def test_no_errors_in_logs(demo: Run) -> None:
    """The integration logs no error, and nothing ends in a traceback of ours."""
    log = (demo.folder / "hass.log").read_text()
    errors = [
        line
        for line in log.splitlines()
        if " ERROR " in line and ("igrs" in line or "homeassistant.core" in line)
    ]

    assert errors == []
    assert "Traceback" not in (demo.folder / "ras.log").read_text()
    assert "Traceback" not in (demo.folder / "locks.log").read_text()


def test_nothing_to_complain_about(demo: Run) -> None:
    """Home Assistant saw no call that blocks it, and nothing that a later version lacks."""
    log = (demo.folder / "hass.log").read_text()
    complaints = ("Detected", "deprecated", "will stop working")

    assert [
        line
        for line in log.splitlines()
        if "igrs" in line and any(complaint in line for complaint in complaints)
    ] == []
