"""How fast the server issues tickets and shows devices, against a bare aiohttp handler.

Both are real HTTP servers in processes of their own; the ticket is issued for a registered lock,
with token, decision, custody, ticket, and its entry of the audit in the write-ahead log before the
answer. The load comes from `wrk` if it is installed, else from a small client. Given are the best
rates of the interleaved rounds, and the CPU time of the server per request, which no load client
can distort. With --flush the entry is on the disk before the answer.

    python -m benchmarks.ticket [--rounds 5] [--seconds 3] [--connections 32] [--uvloop] [--flush]
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
import json
import multiprocessing
from multiprocessing.connection import Connection
import os
from pathlib import Path
import secrets
import shutil
from statistics import median
import subprocess
import tempfile
import time
from typing import Final, NamedTuple

from aiohttp import ClientSession, web
import uvloop

from ras_server.app import create_app
from ras_server.settings import Settings
from ras_server.vault import KEY_SIZE
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Client, Outbox, mid

HOST: Final = "127.0.0.1"
GOALS: Final = {"ticket": 0.50, "get": 0.80}
"""Rates divided by the rate of the bare handler."""


class Target(NamedTuple):
    """A server process and the one request that is made to it."""

    name: str
    pid: int
    port: int
    request: bytes


class Figures(NamedTuple):
    """What one round gave: requests per second, server CPU in microseconds per request."""

    rate: float
    cpu: float


class CodesOnDisk(Outbox):
    """Reads the codes that the server delivers into a file."""

    def __init__(self, path: Path) -> None:
        """Read from a file."""
        super().__init__()
        self._path = path

    def code(self, account: str) -> str:
        """Return the newest code of an account."""
        lines = self._path.read_text(encoding="utf-8").splitlines()
        codes = [json.loads(line) for line in lines]
        return next(str(each["code"]) for each in reversed(codes) if each["account"] == account)


async def _bare(_: web.Request) -> web.Response:
    return web.json_response({"status": 0, "code": 0, "msg": "ok"})


def _serve(kind: str, folder: str, ready: Connection, *, fast: bool, flush: bool) -> None:
    """Run a server in this process until it is ended, on uvloop if it shall be fast."""
    if kind == "bare":
        app = web.Application()
        app.router.add_post("/bare", _bare)
    else:
        codes = f"file:{folder}/codes.jsonl"
        app = create_app(
            Settings(folder=Path(folder), delivery=codes, limits=False, flush_audit=flush)
        )

    async def main() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    (uvloop.run if fast else asyncio.run)(main())


@contextmanager
def running(
    kind: str, folder: Path, *, fast: bool = False, flush: bool = False
) -> Iterator[tuple[int, int]]:
    """Run a server; yield its process id and its port."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(
        target=_serve,
        args=(kind, str(folder), there),
        kwargs={"fast": fast, "flush": flush},
        daemon=True,
    )
    process.start()
    try:
        yield process.pid or 0, here.recv()
    finally:
        process.terminate()
        process.join()


@asynccontextmanager
async def registered(folder: Path, port: int) -> AsyncIterator[tuple[Gateway, Door]]:
    """Register a person, a gateway and a lock, all over HTTP."""
    async with ClientSession() as session:
        client = Client(session, f"http://{HOST}:{port}", CodesOnDisk(folder / "codes.jsonl"))
        await client.enter("a@example.org")
        gateway = Gateway(await client.gateway())
        door = Door(time.time)
        door.lock.press_button(1)
        answer = await gateway.register(door)
        if answer.data["result"]["code"]:
            raise SystemExit("The lock was not registered")
        yield gateway, door


def http(path: str, token: str, body: dict[str, object] | None) -> bytes:
    """Return the bytes of a POST, or of a GET if there is no body."""
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Authorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class _Load(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, counts: list[int]) -> None:
        self._request = request
        self._counts = counts
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        head, end, body = self._rest.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        self._counts[head[9:12] == b"200"] += 1
        self._rest = body[length:]
        self._transport.write(self._request)


async def _python_load(target: Target, connections: int, seconds: float) -> float:
    loop, counts = asyncio.get_running_loop(), [0, 0]
    transports = [
        (await loop.create_connection(lambda: _Load(target.request, counts), HOST, target.port))[0]
        for _ in range(connections)
    ]
    before, start = counts[True], time.monotonic()
    await asyncio.sleep(seconds)
    done, spent = counts[True] - before, time.monotonic() - start
    for transport in transports:
        transport.abort()
    if counts[False]:
        raise SystemExit(f"{counts[False]} requests to {target.name} failed")
    return done / spent


def _wrk_load(target: Target, connections: int, seconds: float) -> float:
    head, _, body = target.request.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    path = lines[0].split()[1]
    headers = dict(line.split(": ", 1) for line in lines[2:] if "Length" not in line)
    script = f"wrk.method='{lines[0].split()[0]}'\nwrk.body={json.dumps(body)}\n" + "".join(
        f"wrk.headers[{json.dumps(name)}]={json.dumps(value)}\n" for name, value in headers.items()
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        out = subprocess.run(
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{int(seconds)}s", "-s", file.name),
                f"http://{HOST}:{target.port}{path}",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    if "Non-2xx" in out:
        raise SystemExit(f"Requests to {target.name} failed:\n{out}")
    return float(next(line.split()[1] for line in out.splitlines() if "Requests/sec" in line))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(target: Target, connections: int, seconds: float) -> Figures:
    """Load a server for a while."""
    before = cpu_seconds(target.pid)
    if shutil.which("wrk"):
        rate = _wrk_load(target, connections, seconds)
    else:
        rate = asyncio.run(_python_load(target, connections, seconds))
    cpu = (cpu_seconds(target.pid) - before) / (rate * seconds)
    return Figures(rate, cpu * 1e6)


async def prepare(folder: Path, port: int) -> tuple[bytes, bytes]:
    """Return the two requests: for a ticket, and for the device."""
    async with registered(folder, port) as (gateway, door):
        body = {
            "mid": mid(),
            "gateway_id": gateway.id,
            "rights": ["lock", "unlock", "log"],
            "ttl": 86400,
        }
        path, token = f"/v1/devices/{door.device_id}", gateway.client.token or ""
        return http(f"{path}/tickets", token, body), http(path, token, None)


def main() -> None:
    """Measure, and say how tickets compare."""
    parser = argparse.ArgumentParser(description="Measure the rate of tickets.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--uvloop", action="store_true", help="the server, not the bare handler")
    parser.add_argument("--flush", action="store_true", help="bring the audit to the disk first")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(folder=folder)
        settings.master_key.write_text(secrets.token_hex(KEY_SIZE), encoding="ascii")
        with (
            running("ras", folder, fast=asked.uvloop, flush=asked.flush) as ras,
            running("bare", folder) as bare,
        ):
            ticket, device = asyncio.run(prepare(folder, ras[1]))
            plain = http("/bare", "none", {"mid": mid()})
            targets = (
                Target("bare", *bare, plain),
                Target("ticket", *ras, ticket),
                Target("get", *ras, device),
            )
            rounds: dict[str, list[Figures]] = {target.name: [] for target in targets}
            for _ in range(asked.rounds):
                for target in targets:
                    rounds[target.name].append(measure(target, asked.connections, asked.seconds))
    print(f"load: {'wrk' if shutil.which('wrk') else 'python'}, {asked.connections} connections")
    for name, figures in rounds.items():
        best, cpu = max(each.rate for each in figures), median(each.cpu for each in figures)
        print(f"{name:>6}: {best:8.0f} requests/s  {cpu:6.1f} us CPU per request (median)")
    for name, goal in GOALS.items():
        pairs = list(zip(rounds["bare"], rounds[name], strict=True))
        rate = median(after.rate / before.rate for before, after in pairs)
        cpu = median(before.cpu / after.cpu for before, after in pairs)
        print(f"{name:>6}: ratio of rates {rate:.2f}, of CPU {cpu:.2f} (medians); goal {goal:.2f}")


if __name__ == "__main__":
    main()
