"""Many operations for one lock at the same time: nobody keeps the others waiting for long."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_guests import link
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock

LOCK = {"cmd": "lock", "wait": 0}


class Gate:
    """A gateway at a door that begins an operation only when it is let."""

    def __init__(self, gateway: Gateway) -> None:
        """Begin with a gateway that waits."""
        self.free = asyncio.Event()
        self._begin = gateway.begin
        gateway.begin = self._wait_and_begin  # type: ignore[method-assign]  # a slow gateway

    async def _wait_and_begin(self, door: Door, exchange_id: str) -> Answer:
        await self.free.wait()
        return await self._begin(door, exchange_id)


@pytest.fixture
async def gate(home: Gateway, door: Door) -> AsyncIterator[Gate]:
    """Return the gateway of the home, which is connected and slow."""
    gate = Gate(home)
    async with online(home, door):
        yield gate
        gate.free.set()


async def test_a_guest_among_others(
    owner: Client, gate: Gate, door: Door, clock: MovableClock
) -> None:
    """However often a guest asks, the owner waits for two of his operations at most."""
    guest, _ = await link(owner, door, rights=["lock"])
    asked = LOCK | {"device_id": door.device_id}

    flood = [await guest.post("/v1/guest/operate", asked) for _ in range(20)]
    opening = asyncio.create_task(operate(owner, door, unlock(clock)))
    gate.free.set()
    opened = await opening

    assert [answer.code for answer in flood] == [0, 0, *[2006] * 18]
    assert opened.data["result"]["state"]["bolt"] == "unlocked", opened
    assert (await guest.post("/v1/guest/operate", asked)).http == 202  # and then he may again


async def test_a_person_is_one(owner: Client, home: Gateway, gate: Gate, door: Door) -> None:
    """A grant counts for its person, whatever he uses; a household's gateway asks for many."""
    ben = await owner.another().enter("ben@example.org")
    cleo = await owner.another().enter("cleo@example.org")
    for account in ("ben@example.org", "cleo@example.org"):
        await grant(owner, door, account)
    by_himself = [await operate(ben, door, LOCK), await operate(await ben.gateway(), door, LOCK)]

    named = {
        person.user_id: await operate(home.client, door, LOCK | {"person": person.user_id})
        for person in (ben, cleo)
    }
    too_many = await operate(ben, door, LOCK)

    assert [answer.http for answer in by_himself] == [202, 202]
    assert [answer.code for answer in named.values()] == [2006, 0]
    assert too_many.code == 2006
    assert gate


async def test_an_owner_with_many_things(
    owner: Client, home: Gateway, gate: Gate, door: Door
) -> None:
    """What his own gateway asks for without end does not keep an owner out."""
    flood = [await operate(home.client, door, LOCK) for _ in range(3)]

    by_hand = await operate(owner, door, LOCK)

    assert [answer.code for answer in flood] == [0, 0, 2006]
    assert by_hand.http == 202
    assert gate


async def test_the_same_again(owner: Client, gate: Gate, door: Door) -> None:
    """A request that is repeated finds its operation, though no other one is taken."""
    path = f"/v1/devices/{door.device_id}/query"  # no answer of it is stored
    asked = {"what": "status", "wait": 0}
    first = [
        await owner.post(path, asked | {"mid": f"01JD8Z00000000000000000{n:03}"}) for n in (1, 2)
    ]

    again = await owner.post(path, asked | {"mid": "01JD8Z00000000000000000001"})

    assert again.http == 202
    assert again.data == first[0].data
    assert (await owner.post(path, asked)).code == 2006
    assert gate
