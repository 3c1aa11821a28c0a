"""Several people want to register one lock: who has it before him is kept waiting by nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import os

from aiohttp import web
import pytest

from igrs_codec.bsld.packet import Hello, HelloFlag
from ras_server.application import exchanges
from ras_server.application.locks import LOCKS, TIME_FRAMES
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock


class Stranger:
    """Somebody who knows the identifier of a lock only: he makes up its label and its HELLO."""

    def __init__(self, gateway: Gateway, door: Door, clock: MovableClock) -> None:
        """Be a person with a gateway."""
        self.gateway = gateway
        self.door = Door(clock, k_f=os.urandom(16))
        """A lock that he imitates; it has the identifier of the real one."""
        self.door.lock.press_button(1)
        self._clock = clock
        assert self.door.device_id == door.device_id

    async def claim(self, **fields: str | None) -> Answer:
        """Say that he stands before the lock, and never answer."""
        hello = Hello(
            link=1,
            gen=0,
            flags=HelloFlag.PAIRING_WINDOW,
            nonce=os.urandom(12),
            time=int(self._clock()),
            clock_set=False,
        )
        shown = {"setup_code": self.door.setup_code} | fields
        body = {"gateway_id": self.gateway.id, "hello": bytes(hello).hex(), "name": "Mine"}
        return await self.gateway.client.post(
            f"/v1/devices/{self.door.device_id}/register",
            body | {name: value for name, value in shown.items() if value is not None},
        )


@pytest.fixture
async def stranger(owner: Client, door: Door, clock: MovableClock) -> Stranger:
    """Return somebody who was never near the lock."""
    mallory = await owner.another().enter("mallory@example.org")
    return Stranger(Gateway(await mallory.gateway()), door, clock)


@pytest.fixture
async def ben(owner: Client) -> Gateway:
    """Return the gateway of somebody else."""
    person = await owner.another().enter("ben@example.org")
    return Gateway(await person.gateway())


async def begin(gateway: Gateway, door: Door) -> Answer:
    """Begin the registration of a lock."""
    return await gateway.client.post(
        f"/v1/devices/{door.device_id}/register",
        {
            "gateway_id": gateway.id,
            "hello": door.connect().hex(),
            "name": "Front door",
            "setup_code": door.setup_code,
        },
    )


async def wipe(owner: Client, door: Door, **fields: str) -> Answer:
    """Ask for the removal of a lock."""
    return await owner.post(f"/v1/devices/{door.device_id}/remove", {"mode": "wipe"} | fields)


async def test_a_stranger_is_in_nobodys_way(
    gateway: Gateway, door: Door, stranger: Stranger, clock: MovableClock
) -> None:
    """Made-up claims, one open all the time, use up neither the lock's lease nor its time."""
    claims = []
    for _ in range(TIME_FRAMES):
        claims.append(await stranger.claim())
        clock.move(61)
    refused = await stranger.claim()
    door.lock.press_button(1)

    registered = await gateway.register(door)

    assert [claim.http for claim in claims] == [201] * TIME_FRAMES
    assert refused.code == 5003  # nobody collects time frames
    assert registered.data["result"]["code"] == 0, registered


async def test_the_lock_decides(
    owner: Client, gateway: Gateway, door: Door, stranger: Stranger
) -> None:
    """Of two claims at the same time the first that a lock proves counts, the other is refused."""
    imitated = await begin(stranger.gateway, stranger.door)
    registered = await gateway.register(door)

    late = await stranger.gateway.carry(stranger.door, imitated)

    assert registered.data["result"]["code"] == 0, registered
    assert late.data["result"]["code"] == 2002
    shown = await owner.get(f"/v1/devices/{door.device_id}")
    assert (shown.data["owner"], shown.data["state"]) == (owner.user_id, "active")
    rows = await owner.get(f"/v1/devices/{door.device_id}/users")
    assert len(rows.data["items"]) == 1


async def test_a_claim_outlives_another(
    app: web.Application, gateway: Gateway, door: Door, ben: Gateway
) -> None:
    """A claim is not lost when one that began before it comes to nothing; that leaves nothing."""
    other = await begin(ben, door)
    mine = await begin(gateway, door)
    ended = await ben.client.post(f"/v1/exchanges/{other.data['exchange_id']}", {})
    known = app[LOCKS].get(door.device_id)

    registered = await gateway.carry(door, mine)

    assert ended.data["result"]["code"] == 2007
    assert known is None
    assert registered.data["result"]["code"] == 0, registered


async def test_a_removal_goes_on(
    owner: Client, home: Gateway, door: Door, stranger: Stranger
) -> None:
    """Somebody who claims a lock that is being removed does not keep it from being wiped."""
    await wipe(owner, door)
    claimed = await stranger.claim(setup_code=None)  # the key of the label is known by now

    wiped = await home.open(door, "deliver")

    assert claimed.http == 201
    assert wiped.data["result"]["code"] == 0, wiped
    assert door.lock.show()["generation"] == 0


@asynccontextmanager
async def delivering(owner: Client, home: Gateway, door: Door) -> AsyncIterator[None]:
    """Let a lock be removed, its gateway begin to wipe it, and somebody reset it by hand."""
    await wipe(owner, door)
    opened = await home.client.post(
        f"/v1/devices/{door.device_id}/deliver",
        {"gateway_id": home.id, "hello": door.connect().hex()},
    )
    door.lock.press_button(10)
    door.lock.press_button(1)
    yield
    await home.client.post(f"/v1/exchanges/{opened.data['exchange_id']}", {})


def answered(door: Door, opened: Answer) -> dict[str, list[str]]:
    """Carry the first flight to a lock, and return what the server is told then."""
    notifications, _ = door.write([bytes.fromhex(each) for each in opened.data["packets"]])
    return {"notifications": [each.hex() for each in notifications]}


async def test_a_claim_waits_for_its_turn(
    owner: Client, home: Gateway, door: Door, ben: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of a lock is taken when no other exchange with it is under way, and not lost."""
    monkeypatch.setattr(exchanges, "LEASE_WAIT", 0.01)
    async with delivering(owner, home, door):
        claim = await begin(ben, door)
        path, told = f"/v1/exchanges/{claim.data['exchange_id']}", answered(door, claim)
        busy = await ben.client.post(path, told)

    registered = await ben.carry(door, await ben.client.post(path, told))

    assert (busy.http, busy.code) == (409, 2006)
    assert registered.data["result"]["code"] == 0, registered
    assert registered.data["result"]["device"]["owner"] != owner.user_id


async def test_a_removal_that_waited(
    app: web.Application, owner: Client, home: Gateway, door: Door, ben: Gateway
) -> None:
    """A removal that waited while somebody else registered the lock does not forget it."""
    async with delivering(owner, home, door):
        claim = await begin(ben, door)
        path, told = f"/v1/exchanges/{claim.data['exchange_id']}", answered(door, claim)
        proving = asyncio.create_task(ben.client.post(path, told))
        await asyncio.sleep(0.05)  # it waits for the lease: nothing tells that from outside
        made_up = Hello(link=1, gen=0, flags=0, nonce=bytes(12), time=1, clock_set=False)
        removing = asyncio.create_task(
            wipe(owner, door, gateway_id=home.id, hello=bytes(made_up).hex())
        )
        await asyncio.sleep(0.05)

    registered = await ben.carry(door, await proving)
    removed = await removing

    assert registered.data["result"]["code"] == 0, registered
    assert removed.code == 2001
    assert door.device_id in app[LOCKS]
