"""A gateway that is not of the household is removed: its tickets end, and only those."""

import pytest

from igrs_codec.bsld.frame import Command, Status
from igrs_codec.bsld.ticket import Ticket
from tests.ras_server.application.desk import BEN
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.safe import Home
from tests.ras_server.application.test_operations import grant
from tests.ras_server.application.test_sites import invite
from tests.ras_server.application.test_tickets import newest, tickets, use
from tests.ras_server.client import PASSWORD, Client
from tests.ras_server.conftest import MovableClock


async def leave_a_ticket(ben: Client, door: Door) -> Ticket:
    """Make a gateway, take a ticket, and remove the gateway; return the ticket."""
    theirs = Gateway(await ben.gateway())
    answer = await tickets(theirs, door)
    assert answer.data["k_adv"] == {}
    await ben.log_in(BEN)
    assert (await ben.request("DELETE", f"/v1/gateways/{theirs.id}")).http == 200
    return newest(answer)


@pytest.mark.parametrize("role", ["guest", "member"])
async def test_only_his_tickets(
    owner: Client,
    ben: Client,
    home: Gateway,
    door: Door,
    clock: MovableClock,
    *,
    site: str,
    role: str,
) -> None:
    """However often somebody does it, the family's tickets and the key stay, his are gone."""
    await invite(owner, site, BEN, role)
    await home.open(door, "deliver")
    family = newest(await tickets(home, door))
    kept = Gateway(await ben.gateway())

    for _ in range(3):
        left = await leave_a_ticket(ben, door)
        clock.move(61)
        await home.open(door, "deliver")
        assert use(door, left, Command.OPERATE, clock()) is None

    assert use(door, family, Command.OPERATE, clock()) is Status.OK
    assert use(door, newest(await tickets(kept, door)), Command.OPERATE, clock()) is Status.OK
    assert door.lock.show()["generation"] == 1


async def test_takes_no_room(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A lock that no gateway comes to does not become full by it."""
    await grant(owner, door, BEN)
    path = f"/v1/devices/{door.device_id}/users"
    before = len((await owner.get(path)).data["items"])
    lost = [await leave_a_ticket(ben, door) for _ in range(3)]

    after = len((await owner.get(path)).data["items"])
    clock.move(61)
    await home.open(door, "deliver")

    assert after == before
    assert [use(door, each, Command.OPERATE, clock()) for each in lost] == [None] * 3


async def test_gateway_without_tickets(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Where it had no tickets nothing is done: the person's other gateways go on."""
    await grant(owner, door, BEN)
    await home.open(door, "deliver")
    kept = newest(await tickets(Gateway(await ben.gateway()), door))
    other = Gateway(await ben.gateway())

    assert (await ben.request("DELETE", f"/v1/gateways/{other.id}")).http == 200
    clock.move(61)
    await home.open(door, "deliver")

    assert use(door, kept, Command.OPERATE, clock()) is Status.OK


async def test_restored(living: Home) -> None:
    """After a restore the grant works as before, and no ticket that was left does."""
    ben = await living.owner.another().enter(BEN)
    await grant(living.owner, living.door, BEN)
    await living.deliver()
    await living.save()
    left = await leave_a_ticket(ben, living.door)
    await living.deliver()

    async with living.again():
        await living.deliver()
        ben = living.owner.another()
        await ben.log_in(BEN, PASSWORD)
        held = newest(await tickets(Gateway(await ben.gateway()), living.door))

        assert use(living.door, held, Command.OPERATE, living.safe.clock()) is Status.OK
        assert use(living.door, left, Command.OPERATE, living.safe.clock()) is None
