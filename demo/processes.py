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

READY_TIMEOUT: Final = 60  # seconds
STOP_TIMEOUT: Final = 20  # seconds; Home Assistant writes its state when it ends


class ProcessError(Exception):
    """A program did not start, or ended by itself; the message says where to look."""


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


@asynccontextmanager
async def running(
    *command: str | Path,
    log: Path,
    says_ready: bool = True,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """Run a program inside the context.

    A program that says that it is ready prints one line of JSON then, which the context gives.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, **(environment or {})},
        start_new_session=True,  # Ctrl-C is ours; we end the programs one after the other
    )
    ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    reader = asyncio.create_task(_read(process.stdout, log, ready))
    try:
        yield await _ready(ready, log) if says_ready else {}
    finally:
        await _stop(process)
        await reader


async def _read(
    output: asyncio.StreamReader, log: Path, ready: asyncio.Future[dict[str, Any]]
) -> None:
    """Copy what the program says into its log, until it ends."""
    with log.open("ab") as file:
        async for line in output:
            file.write(line)
            file.flush()
            if not ready.done() and line.startswith(b'{"ready"'):
                ready.set_result(json.loads(line))
    if not ready.done():
        ready.set_exception(ProcessError(f"A program ended before it was ready; see {log}"))
        ready.exception()  # it is no error when nobody waits


async def _ready(ready: asyncio.Future[dict[str, Any]], log: Path) -> dict[str, Any]:
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            return await ready
    except TimeoutError:
        raise ProcessError(f"A program does not get ready; see {log}") from None


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
