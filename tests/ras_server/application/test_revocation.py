"""How long somebody whose grant was ended can still get in: the bound on staleness.

The server refuses from the answer to the revocation on. The lock refuses from the delivery on,
which any gateway of the household makes that comes near. If none does, a ticket that was taken
before opens until it ends: 15 minutes for a guest, and for a member's gateway a day.
"""

import pytest

from igrs_codec.bsld.frame import Command, Status
from igrs_codec.bsld.ticket import Ticket
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_grants import control
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_tickets import deliver, newest, tickets, use
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import started

GUEST: int = 900
MEMBER: int = 86400
PHONE: int = 3600


async def let_in(owner: Client, door: Door, role: str) -> str:
    """Take Ben into the household; return the path that ends it."""
    site = await owner.post("/v1/sites", {"name": "Home"})
    path = f"/v1/sites/{site.data['site_id']}"
    await owner.request("PUT", f"{path}/devices/{door.device_id}")
    named = {"kind": "account", "account": {"type": "email", "value": "ben@example.org"}}
    invited = await owner.post(f"{path}/people", {"subject": named, "role": role})
    return f"{path}/people/{invited.data['person_id']}"


async def gateway_of(ben: Client, kind: str) -> Gateway:
    """Return a gateway of Ben's, of a kind."""
    made = await ben.post("/v1/gateways", {"name": "His", "kind": kind, "version": "1"})
    return Gateway(await ben.another().log_in_gateway(made.data))


@pytest.mark.parametrize(
    ("role", "kind", "bound"),
    [
        pytest.param("guest", "home_assistant", GUEST, id="guest"),
        pytest.param("member", "phone", PHONE, id="phone"),
        pytest.param("member", "home_assistant", MEMBER, id="member"),
    ],
)
async def test_bound(
    owner: Client,
    ben: Client,
    home: Gateway,
    door: Door,
    clock: MovableClock,
    *,
    role: str,
    kind: str,
    bound: int,
) -> None:
    """With every gateway out of reach a ticket ends by itself, at the latest after its bound."""
    end = await let_in(owner, door, role)
    theirs = await gateway_of(ben, kind)
    await deliver(home, door)
    ticket = newest(await tickets(theirs, door))

    await owner.request("DELETE", end)

    assert (await tickets(theirs, door)).code == 3003
    assert (await operate(ben, door, unlock(clock))).code == 3003
    assert use(door, ticket, Command.OPERATE, clock()) is Status.OK
    clock.move(bound + 5)  # the lock's clock is a little behind
    assert use(door, ticket, Command.OPERATE, clock()) in {None, Status.EXPIRED}


async def revoked(owner: Client, ben: Client, home: Gateway, door: Door) -> Ticket:
    """Give Ben a grant, let him take a ticket, and end the grant; return the ticket."""
    given = await grant(owner, door, "ben@example.org")
    theirs = Gateway(await ben.gateway())
    ticket = newest(await tickets(theirs, door))
    await deliver(home, door)
    ended: Answer = await owner.request("DELETE", f"/v1/grants/{given.data['grant_id']}")
    assert ended.http == 200
    return ticket


async def test_whichever_gateway_comes_near(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A revocation that the first gateway never delivered goes to the next that hears the lock."""
    phone = Gateway(await owner.gateway("Phone"))
    async with started(home.client) as (silent, _):
        ticket = await revoked(owner, ben, home, door)
        await control(silent, "deliver")
    assert use(door, ticket, Command.OPERATE, clock()) is Status.OK

    clock.move(61)
    async with started(phone.client) as (near, _):
        await phone.see(door)
        asked = await control(near, "deliver")
    assert asked["body"]["device_id"] == door.device_id
    await phone.open(door, "deliver")

    assert use(door, ticket, Command.OPERATE, clock()) is None
    users = await owner.get(f"/v1/devices/{door.device_id}/users")
    assert ben.user_id not in str(users.body)


async def test_not_asked_again_and_again(
    owner: Client, ben: Client, home: Gateway, door: Door
) -> None:
    """Who reports a lock every few seconds is asked once a minute, and not when nothing is due."""
    async with online(home, door):
        await home.see(door)
        await revoked(owner, ben, home, door)
    for _ in range(3):
        await home.see(door)
    async with started(home.client, after=0) as (socket, ready):
        asked = 0
        for _ in range(ready["missed"]):
            envelope = await socket.envelope()
            asked += envelope["mi"] == 1 and envelope["body"]["cmd"] == "deliver"

    assert asked <= 3  # the grant, the revocation, one reminder at most


async def test_gateways_drop_tickets(owner: Client, ben: Client, home: Gateway, door: Door) -> None:
    """The household's gateways are told whose tickets to drop."""
    given = await grant(owner, door, "ben@example.org")
    uid = newest(await tickets(home, door, person=ben.user_id)).uid

    async with started(home.client) as (socket, _):
        await owner.request("DELETE", f"/v1/grants/{given.data['grant_id']}")
        envelope = await socket.envelope()
        while envelope["mi"] != 8:
            envelope = await socket.envelope()

    assert envelope["body"]["op"] == "revoked"
    assert envelope["body"]["uid"] == uid


async def reset(owner: Client, door: Door, clock: MovableClock) -> None:
    """Let the owner ask for the removal, and somebody reset the lock by hand before it comes."""
    await owner.post(f"/v1/devices/{door.device_id}/remove", {"mode": "wipe"})
    door.lock.press_button(10)
    door.lock.press_button(1)
    clock.move(61)


async def test_lock_of_a_new_owner(
    owner: Client, ben: Client, client: Client, home: Gateway, door: Door, *, clock: MovableClock
) -> None:
    """Who registers a lock that was reset has none of the people of the owner before."""
    await let_in(owner, door, "member")
    await deliver(home, door)
    await reset(owner, door, clock)
    carl = await client.another().enter("carl@example.org")
    theirs = Gateway(await carl.gateway())

    registered = await theirs.register(door)

    assert registered.data["result"]["code"] == 0, registered
    await theirs.see(door)
    async with online(theirs, door):
        assert (await operate(carl, door, unlock(clock))).http == 200
        assert (await operate(ben, door, unlock(clock))).code in {2001, 3003}
        assert (await operate(owner, door, unlock(clock))).code == 2001


async def test_lock_that_was_reset(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """An owner who registers his lock again keeps its people: their rows are written again."""
    await let_in(owner, door, "member")
    await deliver(home, door)
    door.lock.press_button(10)
    door.lock.press_button(1)
    clock.move(61)

    registered = await home.register(door)

    assert registered.data["result"]["code"] == 0, registered
    async with online(home, door):
        assert (await operate(ben, door, unlock(clock))).http == 200


@pytest.mark.parametrize(
    ("what", "body"),
    [
        pytest.param("time", {}, id="takes the lock's time frames"),
        pytest.param("deliver", {}, id="keeps others from the lock"),
        pytest.param("pending", {"notifications": []}, id="answers for the lock"),
    ],
)
async def test_nothing_is_carried_for_him(
    owner: Client, ben: Client, home: Gateway, door: Door, *, what: str, body: dict[str, object]
) -> None:
    """Whose grant has ended carries nothing: he could hold up his own revocation for ever."""
    given = await grant(owner, door, "ben@example.org")
    theirs = await gateway_of(ben, "home_assistant")
    await deliver(home, door)
    await owner.request("DELETE", f"/v1/grants/{given.data['grant_id']}")
    path = f"/v1/devices/{door.device_id}"

    opened = await theirs.client.post(
        f"{path}/{what}", {"gateway_id": theirs.id, "hello": door.connect().hex()} | body
    )
    frames = await theirs.client.get(f"{path}/pending")

    assert (opened.code, frames.code) == (3003, 3003)
    await deliver(home, door)
    users = await owner.get(f"{path}/users")
    assert ben.user_id not in str(users.body)
