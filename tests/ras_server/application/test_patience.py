"""A re-key on schedule waits: nobody's tickets end before he has those of the next generation."""

from dataclasses import replace

import pytest

from igrs_codec.bsld.frame import Command, Status
from igrs_codec.bsld.packet import Hello, HelloFlag
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_tickets import deliver, newest, tickets, use
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock


async def want_rekey(owner: Client, door: Door, clock: MovableClock) -> None:
    """Have a re-key on schedule."""
    path = f"/v1/devices/{door.device_id}/rekey"
    assert (await owner.post(path, {"reason": "schedule"})).http == 202
    clock.move(61)


async def test_gateway_out_of_reach(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Also with a live link: one delivery prepares, and commits when all have tickets for it."""
    phone = Gateway(await owner.gateway("Phone"))
    held = newest(await tickets(phone, door))
    await want_rekey(owner, door, clock)

    for _ in range(2):
        assert (await home.open(door, "deliver")).data["result"]["code"] == 0
        clock.move(61)
        assert use(door, held, Command.OPERATE, clock()) is Status.OK

    await tickets(home, door)
    supplied = await tickets(phone, door)
    assert [each["gen"] for each in supplied.data["tickets"]] == [1, 2]
    await home.open(door, "deliver")
    assert use(door, newest(supplied), Command.OPERATE, clock()) is Status.OK
    assert door.lock.show()["generation"] == 2


async def test_nobody_has_tickets(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """When nobody has a ticket that lives, one delivery does all of it."""
    clock.move(2 * 86400)
    await owner.log_in("anna@example.org")
    await want_rekey(owner, door, clock)
    again = Gateway(await owner.gateway("New"))

    assert (await again.open(door, "deliver")).data["result"]["code"] == 0

    assert door.lock.show()["generation"] == 2
    await again.see(door)
    async with online(again, door):
        assert (await operate(owner, door, unlock(clock))).http == 200


@pytest.mark.parametrize(("gen", "pending"), [(2, False), (7, True)])
async def test_invented_hello(
    owner: Client, home: Gateway, door: Door, clock: MovableClock, *, gen: int, pending: bool
) -> None:
    """A guest who asks for the time under a HELLO of his own does not have it committed."""
    guest = await owner.another().enter("ben@example.org")
    await grant(owner, door, "ben@example.org")
    theirs = Gateway(await guest.gateway())
    held = newest(await tickets(home, door))
    await want_rekey(owner, door, clock)
    await deliver(home, door)
    clock.move(61)

    heard = Hello.from_bytes(door.connect())
    invented = replace(
        heard, gen=gen, flags=heard.flags | HelloFlag.PENDING_GENERATION * pending, nonce=bytes(12)
    )
    asked = await theirs.client.post(
        f"/v1/devices/{door.device_id}/time",
        {"gateway_id": theirs.id, "hello": bytes(invented).hex()},
    )
    for _ in range(3):
        clock.move(61)
        await deliver(theirs, door)
        await theirs.open(door, "deliver")

    assert asked.code == 2010
    assert use(door, held, Command.OPERATE, clock()) is Status.OK
