"""The program bsld, as a person runs it."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import signal
import socket
import sys
from typing import Any

import pytest

from reference_devices.cli import main
from reference_devices.door import ACTIONS

pytestmark = pytest.mark.usefixtures("local_sockets")

BSLD = (sys.executable, "-m", "reference_devices")


@asynccontextmanager
async def _running(*arguments: str) -> AsyncGenerator[tuple[Process, dict[str, Any]]]:
    """Run the program, and give what it prints when it is ready."""
    process = await asyncio.create_subprocess_exec(*BSLD, *arguments, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    try:
        yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _bsld(*arguments: str) -> tuple[int, str, str]:
    """Run the program to its end; return status, output and errors."""
    process = await asyncio.create_subprocess_exec(*BSLD, *arguments, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_home(tmp_path: Path, number: signal.Signals) -> None:
    """A home tells that it is ready, serves, and ends cleanly when told to."""
    folder = ("--folder", str(tmp_path))
    async with _running("home", *folder, "--locks", "2", "--port", "0") as (home, ready):
        assert ready["ready"]
        assert [lock["name"] for lock in ready["locks"]] == ["Front door", "Back door"]
        _, writer = await asyncio.open_connection("127.0.0.1", ready["port"])
        status, out, err = await _bsld("act", *folder, "Front door", "knob", "unlock")
        assert (status, json.loads(out)["bolt"], err) == (0, "unlocked", "")

        home.send_signal(number)
        out_rest, err_rest = await home.communicate()
        writer.close()
    assert (home.returncode, out_rest, err_rest) == (0, b"", b"")
    assert not (tmp_path / "home.sock").exists()


async def test_labels_are_not_logged(tmp_path: Path) -> None:
    """The labels go to a terminal only: what is written to a file holds no setup code."""
    async with _running("home", "--folder", str(tmp_path), "--port", "0") as (home, ready):
        home.terminate()
        _, err = await home.communicate()

    for label in json.loads((tmp_path / "labels.json").read_text()):
        assert label["setup_code"] not in f"{ready}{err.decode()}"


async def test_act_list_show(tmp_path: Path) -> None:
    """The other commands print a state as one line of JSON for each lock."""
    folder = ("--folder", str(tmp_path))
    async with _running("home", *folder, "--locks", "2", "--port", "0"):
        _, listed, _ = await _bsld("list", *folder)
        first, second = [json.loads(line) for line in listed.splitlines()]
        _, shown, _ = await _bsld("show", *folder, second["device_id"].lower())
        status, code, _ = await _bsld("act", *folder, first["device_id"], "code", "12345678")

    assert json.loads(shown) == second
    assert (status, json.loads(code)["accepted"]) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        pytest.param(["act", "Cellar", "jam"], 1, "bsld: no lock runs in", id="nobody"),
        pytest.param(["list"], 1, "bsld: no lock runs in", id="list"),
        pytest.param(["lock", "--transport", "x:1"], 1, "bsld: cannot open x:1", id="transport"),
        pytest.param(["lock"], 2, "--transport", id="no transport"),
        pytest.param(["home", "--locks", "0"], 2, "from 1 to 50", id="locks"),
        pytest.param(["home", "--port", "65536"], 2, "from 0 to 65535", id="port"),
        pytest.param(["home", "--hop-delay", "-1"], 2, "from 0 to 1000", id="delay"),
        pytest.param(["act", "Cellar", "kick"], 2, "kick", id="action"),
        pytest.param([], 2, "COMMAND", id="nothing"),
    ],
)
def test_wrong(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    """What cannot be is told in one line, with a status other than 0."""
    if arguments:
        arguments[1:1] = ["--folder", str(tmp_path)]
    try:
        result = main(arguments)
    except SystemExit as end:
        result = end.code if isinstance(end.code, int) else 1

    error = capfd.readouterr().err
    assert result == status
    assert message in error.splitlines()[-1]


def test_port_taken(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A port that is taken is told in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["home", "--folder", str(tmp_path), "--port", str(port)]) == 1

    (line,) = capfd.readouterr().err.splitlines()
    assert line == (
        f"bsld: cannot listen on port {port}: Address already in use; choose another with --port"
    )


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of act names every action."""
    with pytest.raises(SystemExit):
        main(["act", "--help"])

    text = capsys.readouterr().out
    assert all(action in text for action in ACTIONS)
