"""A server that is killed again and again under load, and what must be left of its work."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
import json
from pathlib import Path
from random import Random
import signal
import sqlite3
import time
from typing import Any, Final

from aiohttp import ClientError

from ras_server.cli import main
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Answer, Client
from tests.ras_server.processes import ras, serving, speaking

OWNER: Final = "anna@example.org"
_HALF_AN_HOUR: Final = 1800
_REST: Final = 31  # seconds that a lock rests after a packet may have been held back


@dataclass(slots=True)
class Ledger:
    """What the server has acknowledged."""

    gateways: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    tickets: int = 0
    name: int = 0
    operations: dict[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        """Return how many writes were acknowledged."""
        return (
            len(self.gateways) + len(self.codes) + self.tickets + self.name + len(self.operations)
        )


class Load:
    """What a household does at the same time, as fast as it can."""

    def __init__(self, owner: Client, home: Gateway, door: Door, ledger: Ledger) -> None:
        """Work with a registered lock."""
        self._owner = owner
        self._home = home
        self._door = door
        self._ledger = ledger
        self._path = f"/v1/devices/{door.device_id}"
        self._numbers = count(len(ledger.codes))

    async def run(self) -> None:
        """Work until the server is gone."""
        deeds = (self._gateway, self._code, self._ticket, self._ticket, self._rename, self._lock)
        await asyncio.gather(*(self._until_gone(deed) for deed in deeds))

    async def _until_gone(self, deed: Callable[[], Awaitable[None]]) -> None:
        try:
            while True:
                await deed()
        except ClientError, ConnectionError:
            return

    async def _gateway(self) -> None:
        body = {"name": "Another", "kind": "phone", "version": "1"}
        made = await self._owner.post("/v1/gateways", body)
        if made.http == 201:
            self._ledger.gateways.add(made.data["gateway_id"])

    async def _code(self) -> None:
        at = int(time.time()) + next(self._numbers) * _HALF_AN_HOUR
        made = await self._owner.post(f"{self._path}/codes", {"class": 1, "at": at})
        if made.http == 201:
            self._ledger.codes.add(made.data["code_id"])

    async def _ticket(self) -> None:
        body = {"gateway_id": self._home.id}
        issued = await self._home.client.post(f"{self._path}/tickets", body)
        self._ledger.tickets += issued.http == 200

    async def _rename(self) -> None:
        rev = (await self._owner.get(self._path)).data["rev"]
        name = self._ledger.name + 1
        body = {"rev": rev, "name": str(name)}
        renamed = await self._owner.request("PATCH", self._path, body)
        if renamed.http == 200:
            self._ledger.name = name

    async def _lock(self) -> None:
        done = await self._home.open(self._door, "exchange", {"do": [{"cmd": "lock"}]})
        result = done.data.get("result")
        if done.http == 200 and result is not None:
            state = "failed" if result["status"] else "succeeded"
            self._ledger.operations[result["operation_id"]] = state
        await asyncio.sleep(0.01)


def check(folder: Path, ledger: Ledger) -> list[str]:
    """Return what is wrong with what a killed server left behind."""
    wrong = []
    with closing(sqlite3.connect(folder / "ras.db")) as database:

        def column(statement: str) -> list[Any]:
            return [row[0] for row in database.execute(statement)]

        wrong += [text for text in column("PRAGMA integrity_check") if text != "ok"]
        wrong += [f"foreign key in {table}" for table in column("PRAGMA foreign_key_check")]
        lost = ledger.gateways - set(column("SELECT gateway_id FROM gateway"))
        lost |= ledger.codes - set(column("SELECT code_id FROM keypad_code"))
        wrong += [f"{each} is lost" for each in lost]
        issued, previous = 0, bytes(32)
        for n, entry, hash_ in database.execute("SELECT n, entry, hash FROM audit ORDER BY n"):
            issued += json.loads(entry)["action"] == "ticket.issue"
            previous = sha256(previous + entry.encode()).digest()
            if previous != hash_:
                wrong.append(f"audit entry {n} does not follow")
                break
        if issued < ledger.tickets:
            wrong.append(f"{ledger.tickets - issued} tickets are lost")
        (name,) = column("SELECT name FROM device")
        if int(name) < ledger.name:
            wrong.append(f"name {ledger.name} is lost")
        states = dict(database.execute("SELECT operation_id, state FROM operation"))
    wrong += [
        f"{each} is {states.get(each)}, not {state}"
        for each, state in ledger.operations.items()
        if states.get(each) != state
    ]
    return wrong


async def crash(folder: Path, rounds: int, seed: int, report: Callable[[str], None]) -> Ledger:
    """Kill a server so many times; raise AssertionError if anything acknowledged is lost."""
    random = Random(seed)  # noqa: S311 - a schedule that can be repeated
    codes, ledger = folder / "codes", Ledger()
    assert main(["init", "--folder", str(folder), "--delivery", f"file:{codes}"]) == 0
    with (folder / "ras.toml").open("a", encoding="utf-8") as file:
        file.write("limits = false\n")
    door = Door(time.time)
    door.lock.press_button(1)
    async with serving(folder) as server, speaking(server, codes) as client:
        owner = await client.enter(OWNER)
        home = Gateway(await owner.gateway())
        registered = await home.register(door, name="0")
        assert registered.data["result"]["code"] == 0, registered
        token, gateway_token = owner.token, home.client.token
        await server.stop()
    for number in range(rounds):
        async with serving(folder) as server, speaking(server, codes) as client:
            owner, carrier = client.another(token), client.another(gateway_token)
            carrier.gateway_id = home.id
            home = Gateway(carrier)
            task = asyncio.create_task(Load(owner, home, door, ledger).run())
            await asyncio.sleep(random.uniform(0.1, 1.0))
            await server.stop(signal.SIGKILL)
            await task
        wrong = check(folder, ledger)
        report(f"{number + 1}: {ledger.writes} acknowledged, {len(wrong)} wrong")
        assert not wrong, wrong
    verified = await ras("audit", "verify", "--folder", folder)
    assert verified.code == 0, verified
    await asyncio.sleep(_REST)
    async with serving(folder) as server, speaking(server, codes) as client:
        carrier = client.another(gateway_token)
        carrier.gateway_id = home.id
        opened = await _unlock(Gateway(carrier), door)
        assert opened.data["result"]["code"] == 0, opened
    return ledger


async def _unlock(home: Gateway, door: Door) -> Answer:
    """Open the door once more."""
    unlock = {"cmd": "unlock", "expires": int(time.time()) + 15}
    return await home.open(door, "exchange", {"do": [unlock]})
