"""Whether the time of an answer tells which accounts are registered.

A real HTTP server with many users is asked about registered and unknown accounts in random order:
the first and the second message of a login, and a code for a reset. Given are the medians, their
difference, and the noise: what the difference would be in 95 of 100 cases if the accounts were
dealt out at random. The server's clock goes a day ahead for each try, so that no try has to wait.

    python -m benchmarks.enumeration [--tries 2000] [--users 1000]
"""

import argparse
import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
import random
import secrets
from statistics import median
import sys
import tempfile
import time
from typing import Any, Final

from aiohttp import ClientSession, web

from ras_server.account.scram import KEY_SIZE, MECHANISM, Verifier
from ras_server.app import create_app
from ras_server.keys import DATABASE, VAULT, new_id
from ras_server.settings import Settings
from ras_server.store import accounts
from ras_server.vault import Vault
from tests.ras_server.client import mid

HOST: Final = "127.0.0.1"
DAY: Final = 24 * 3600 + 1  # seconds
SHUFFLES: Final = 1000

type Times = dict[bool, list[float]]
"""Seconds for unknown (False) and registered (True) accounts."""


def name(number: int, *, known: bool) -> str:
    """Return an account."""
    return f"person{number:05}@{'a' if known else 'b'}.example.org"


def _serve(folder: str, users: int, ahead: Synchronized[float], ready: Connection) -> None:
    """Run a server with registered users in this process until it is ended."""
    app = create_app(
        Settings(folder=Path(folder), delivery=f"file:{folder}/codes", limits=False),
        vault=Vault(secrets.token_bytes(KEY_SIZE)),
        clock=lambda: time.time() + ahead.value,
    )

    async def main() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        with app[DATABASE].write():
            for number in range(users):
                _add_user(app, name(number, known=True))
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


def _add_user(app: web.Application, account: str) -> None:
    user_id = new_id(app, "u")
    verifier = Verifier(
        salt=secrets.token_bytes(16),
        iterations=600_000,
        stored_key=secrets.token_bytes(KEY_SIZE),
        server_key=secrets.token_bytes(KEY_SIZE),
    )
    user = accounts.User(
        user_id=user_id,
        account=accounts.Account("email", account),
        scram=verifier.sealed(app[VAULT], user_id),
        display_name="Somebody",
        locale="en",
        created=int(time.time()),
    )
    accounts.add_user(app[DATABASE], user)


@contextmanager
def running(folder: Path, users: int) -> Iterator[tuple[int, Synchronized[float]]]:
    """Run a server; yield its port, and how far its clock is ahead."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    ahead = context.Value("d", 0.0)
    process = context.Process(target=_serve, args=(str(folder), users, ahead, there), daemon=True)
    process.start()
    try:
        yield here.recv(), ahead
    finally:
        process.terminate()
        process.join()


type Post = Callable[[str, dict[str, Any]], Awaitable[tuple[float, dict[str, Any]]]]


async def _post(
    session: ClientSession, url: str, path: str, body: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    """Make a request, and return how long it took and the data of its answer."""
    body = {"mid": mid()} | body
    begun = time.perf_counter()
    async with session.post(url + path, json=body) as response:
        answer = await response.json()
    return time.perf_counter() - begun, answer["data"]


async def _try(post: Post, account: str) -> tuple[float, float, float]:
    """Try a wrong password, and ask for a code; return the times of the answers."""
    nonce = secrets.token_urlsafe(18)
    first = {"mechanism": MECHANISM, "initial": _base64(f"n,,n={account},r={nonce}")}
    start, data = await post("/v1/auth/sasl/start", first)
    nonce = b64decode(data["data"]).decode().split(",")[0]
    proof = b64encode(secrets.token_bytes(KEY_SIZE)).decode()
    last = {"sasl_id": data["sasl_id"], "data": _base64(f"c=biws,{nonce},p={proof}")}
    step, _ = await post("/v1/auth/sasl/step", last)
    asked = {"account": {"type": "email", "value": account}, "purpose": "reset"}
    code, _ = await post("/v1/users/verification", asked)
    return start, step, code


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


async def measure(folder: Path, tries: int, users: int) -> dict[str, Times]:
    """Try so many registered and as many unknown accounts."""
    found: dict[str, Times] = {
        route: {True: [], False: []} for route in ("sasl/start", "sasl/step", "verification")
    }
    order = [True, False] * tries
    random.shuffle(order)
    with running(folder, users) as (port, ahead):
        async with ClientSession() as session:
            post = partial(_post, session, f"http://{HOST}:{port}")
            for known in order:
                number = random.randrange(users)  # noqa: S311 - no secret
                times = await _try(post, name(number, known=known))
                ahead.value += DAY
                for route, seconds in zip(found, times, strict=True):
                    found[route][known].append(seconds)
    return found


def noise(times: Times) -> float:
    """Return what the difference of the medians is in 95 of 100 random deals."""
    every = times[True] + times[False]
    half = len(times[True])
    found = []
    for _ in range(SHUFFLES):
        random.shuffle(every)
        found.append(abs(median(every[:half]) - median(every[half:])))
    return sorted(found)[SHUFFLES * 95 // 100]


def main() -> int:
    """Measure, print, and fail if a difference is above the noise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=2000)
    parser.add_argument("--users", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), asked.tries, asked.users))
    worst = 0.0
    for route, times in found.items():
        known, unknown = median(times[True]) * 1e6, median(times[False]) * 1e6
        limit = noise(times) * 1e6
        print(
            f"{route:13} registered {known:7.1f} us, unknown {unknown:7.1f} us, "
            f"difference {abs(known - unknown):5.1f} us, noise {limit:5.1f} us"
        )
        worst = max(worst, abs(known - unknown) / limit)
    return 0 if worst <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
