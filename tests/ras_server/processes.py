"""The program `ras` as a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import signal
import sys

from aiohttp import ClientSession

from tests.ras_server.client import Client, Outbox

RAS = (sys.executable, "-m", "ras_server")
ROOT = Path(__file__).parents[2]


class Mailbox(Outbox):
    """The codes that a server delivers into a file."""

    def __init__(self, path: Path) -> None:
        """Read from the file."""
        super().__init__()
        self.path = path

    def code(self, account: str) -> str:
        """Return the newest code of an account."""
        self[:] = [
            (line["account"], line["code"])
            for line in map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
        ]
        return super().code(account)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


async def ras(*arguments: object, stdin: str = "") -> Result:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        *RAS,
        *map(str, arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate(stdin.encode())
    return Result(code=process.returncode or 0, out=out.decode(), err=err.decode())


@dataclass(slots=True, kw_only=True)
class Server:
    """A running server."""

    process: asyncio.subprocess.Process
    url: str
    log: Path

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it, and return its exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(10):
            return await self.process.wait()


@asynccontextmanager
async def serving(folder: Path, *options: object) -> AsyncIterator[Server]:
    """Run `ras serve` on a free port inside the context."""
    log = folder / "log"
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *RAS,
            *map(str, ("serve", "--folder", folder, "--port", 0, *options)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        assert line, log.read_text(encoding="utf-8")
        yield Server(process=process, url=json.loads(line)["url"], log=log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def speaking(server: Server, codes: Path) -> AsyncIterator[Client]:
    """Open a caller of a running server."""
    async with ClientSession() as session:
        yield Client(session, server.url, Mailbox(codes))


def memory(process: asyncio.subprocess.Process) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
