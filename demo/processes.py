"""Programs of the demo: each has a log file, tells when it is ready, and ends when told to."""

import asyncio
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
import json
import os
from pathlib import Path
import signal
import socket
from typing import Any, Final

from .errors import ProcessError

READY_TIMEOUT: Final = 60  # seconds
STOP_TIMEOUT: Final = 20  # seconds; Home Assistant writes its state when it ends


def require_free_port(port: int) -> None:
    """Raise ProcessError if a port of this machine's loopback address is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ProcessError(
                f"Port {port} is in use. Is a demo still running? End it, and try again."
            ) from None


class Program:
    """A running program."""

    def __init__(self, log: Path) -> None:
        """Be not ready yet."""
        self.log = log
        self._said: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def ready(self) -> dict[str, Any]:
        """Return the line of JSON that the program prints when it is ready."""
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                return await asyncio.shield(self._said)
        except TimeoutError:
            raise ProcessError(f"A program does not get ready; see {self.log}") from None

    async def read(self, output: asyncio.StreamReader) -> None:
        """Copy what the program says into its log, until it ends."""
        with self.log.open("ab") as file:
            async for line in output:
                file.write(line)
                file.flush()
                if not self._said.done() and line.startswith(b'{"ready"'):
                    self._said.set_result(json.loads(line))
        if not self._said.done():
            self._said.set_exception(
                ProcessError(f"A program ended; see {self.log}:\n{_end(self.log)}")
            )
            self._said.exception()  # it is no error when nobody waits


@asynccontextmanager
async def running(
    *command: str | Path, log: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Program]:
    """Run a program inside the context."""
    log.parent.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, **(environment or {})},
        start_new_session=True,  # Ctrl-C is ours; we end the programs one after the other
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    program = Program(log)
    reader = asyncio.create_task(program.read(process.stdout))
    try:
        yield program
    finally:
        await _stop(process)
        await reader


def _end(log: Path) -> str:
    """Return the last line of a log."""
    return log.read_text(errors="replace").strip().rpartition("\n")[2]


async def _stop(process: Process) -> None:
    """Ask a program to end; end it and what it started if it does not."""
    with suppress(ProcessLookupError):
        process.terminate()
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_TIMEOUT):
            await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def run(*command: str | Path) -> str:
    """Run a program to its end and return what it printed, or raise ProcessError."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise ProcessError(errors.decode(errors="replace").strip() or f"{command[0]} failed")
    return output.decode()
