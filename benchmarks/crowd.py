"""What a crowd costs: idle push connections, wrong passwords, and a million devices.

* memory of the server for each idle push connection (goal: less than 18 KiB);
* 99th percentile of other requests while 50 clients log in with wrong passwords (goal: 25 ms);
* CPU time of a ticket with a million devices against one device (goal: at most 1.2 times).

    python -m benchmarks.crowd [--connections 1000] [--devices 1000000]
"""

import argparse
import asyncio
from base64 import b64decode, b64encode
from contextlib import AsyncExitStack
import multiprocessing
from pathlib import Path
import secrets
import sqlite3
from statistics import median, quantiles
import tempfile
import time
from typing import Final

from aiohttp import ClientSession, TCPConnector

from benchmarks.ticket import HOST, Target, measure, prepare, registered, running
from ras_server.settings import Settings
from ras_server.store.db import Database
from ras_server.vault import KEY_SIZE
from tests.ras_server.client import Client, Outbox
from tests.ras_server.sockets import started

_GUESSERS: Final = 50
_SECONDS: Final = 4
_ROUNDS: Final = 5


def resident(pid: int) -> int:
    """Return the memory of a process (bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


async def idle_connections(folder: Path, pid: int, port: int, number: int) -> float:
    """Return the memory (KiB) that the server has for each idle push connection."""
    async with registered(folder, port) as (gateway, _), AsyncExitStack() as sockets:
        session = ClientSession(connector=TCPConnector(limit=0))
        await sockets.enter_async_context(session)
        client = Client(session, gateway.client.url, gateway.client.outbox)
        client.token = gateway.client.token
        for _ in range(50):  # what is loaded with the first ones
            await sockets.enter_async_context(started(client))
        before = resident(pid)
        for _ in range(number):
            await sockets.enter_async_context(started(client))
        return (resident(pid) - before) / number / 1024


async def guess_once(client: Client, account: str) -> None:
    """Log in with a proof out of thin air: what hashing costs a guesser is not measured here."""
    initial = b64encode(f"n,,n={account},r=guess".encode()).decode()
    first = await client.post(
        "/v1/auth/sasl/start", {"mechanism": "SCRAM-SHA-256", "initial": initial}
    )
    if first.code:
        return
    nonce = b64decode(first.data["data"]).decode().partition(",")[0]
    final = b64encode(f"c=biws,{nonce},p={b64encode(bytes(32)).decode()}".encode()).decode()
    await client.post("/v1/auth/sasl/step", {"sasl_id": first.data["sasl_id"], "data": final})


def guess(port: int) -> None:
    """Guess passwords until this process is ended, so many at once."""

    async def one(client: Client, account: str) -> None:
        while True:
            await guess_once(client, account)

    async def everybody() -> None:
        async with ClientSession(connector=TCPConnector(limit=0)) as session:
            client = Client(session, f"http://{HOST}:{port}", Outbox())
            await asyncio.gather(
                *(one(client, f"{number}@example.org") for number in range(_GUESSERS))
            )

    asyncio.run(everybody())


async def wrong_passwords(folder: Path, port: int) -> tuple[float, float]:
    """Return the 99th percentile (ms) of a read, alone and while many guess passwords."""
    async with registered(folder, port) as (gateway, door):

        async def p99() -> float:
            times, end = list[float](), time.monotonic() + _SECONDS
            while time.monotonic() < end:
                start = time.perf_counter()
                await gateway.client.get(f"/v1/devices/{door.device_id}")
                times.append(time.perf_counter() - start)
                await asyncio.sleep(0.005)
            return quantiles(times, n=100)[98] * 1000

        alone = await p99()
        guesser = multiprocessing.get_context("spawn").Process(target=guess, args=(port,))
        guesser.start()
        try:
            await asyncio.sleep(1)
            return alone, await p99()
        finally:
            guesser.terminate()
            guesser.join()


def fill(folder: Path, number: int) -> None:
    """Put devices that nobody owns into the database of a server that does not run yet."""
    Database(folder / "ras.db").close()
    with sqlite3.connect(folder / "ras.db") as database:
        database.executemany(
            "INSERT INTO device (device_id, state, created) VALUES (?, 'known', 0)",
            ((f"0{each:011X}",) for each in range(number)),
        )


def new_folder(name: str) -> Path:
    """Return a folder with a master key."""
    folder = Path(name)
    key = secrets.token_hex(KEY_SIZE)
    Settings(folder=folder).master_key.write_text(key, encoding="ascii")
    return folder


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description="Measure what a crowd costs.")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--devices", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running("ras", new_folder(name)) as (pid, port):
        memory = asyncio.run(idle_connections(Path(name), pid, port, asked.connections))
    print(f"idle push connection: {memory:.1f} KiB; goal 18")
    with tempfile.TemporaryDirectory() as name, running("ras", new_folder(name)) as (_, port):
        alone, among = asyncio.run(wrong_passwords(Path(name), port))
    print(f"p99 of a read: {alone:.1f} ms, among {_GUESSERS} guessers {among:.1f} ms; goal 25")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        fill(new_folder(many), asked.devices)
        with running("ras", new_folder(one)) as small, running("ras", Path(many)) as large:
            targets = [
                Target(name, *ras, asyncio.run(prepare(Path(folder), ras[1]))[0])
                for name, folder, ras in (("one", one, small), ("many", many, large))
            ]
            rounds = [[measure(target, 32, 2).cpu for target in targets] for _ in range(_ROUNDS)]
    ratio = median(large / small for small, large in rounds)
    print(f"ticket among {asked.devices} devices: {ratio:.2f} times the CPU of one; goal 1.2")


if __name__ == "__main__":
    main()
