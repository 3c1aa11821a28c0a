"""Programs start, tell that they are ready, and end."""

import os
from pathlib import Path
import socket
import sys

import pytest

from demo.errors import ProcessError
from demo.processes import require_free_port, run, running

READY = "print('{\"ready\": true, \"pid\": %d}' % __import__('os').getpid(), flush=True);"
WAIT = "__import__('signal').pause()"


def is_running(pid: int) -> bool:
    """Return whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_running(tmp_path: Path) -> None:
    """A program runs inside the context, what it says is in its log, and it ends with it."""
    log = tmp_path / "logs/program.log"

    async with running(sys.executable, "-c", f"print('hello');{READY}{WAIT}", log=log) as program:
        said = await program.ready()
        assert is_running(said["pid"])

    assert not is_running(said["pid"])
    assert log.read_text().startswith("hello\n")


async def test_ends_before_it_is_ready(tmp_path: Path) -> None:
    """A program that ends at once is reported, with the place of its log."""
    log = tmp_path / "program.log"

    with pytest.raises(ProcessError, match=r"ended.*program\.log"):
        async with running(sys.executable, "-c", "print('no such option')", log=log) as program:
            await program.ready()

    assert log.read_text() == "no such option\n"


async def test_run() -> None:
    """A program that fails says why."""
    assert await run(sys.executable, "-c", "print(1)") == "1\n"
    with pytest.raises(ProcessError, match="wrong"):
        await run(sys.executable, "-c", "raise SystemExit('wrong')")


@pytest.mark.usefixtures("socket_enabled")
def test_port_in_use() -> None:
    """A port that somebody listens on is reported before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(ProcessError, match=str(port)):
            require_free_port(port)

    require_free_port(port)
