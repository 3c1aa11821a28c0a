"""A grant to somebody else's gateway: it asks by itself, and its person gets nothing by it."""

from aiohttp import web
import pytest

from igrs_codec.bsld.frame import Command, Status
from ras_server.keys import DATABASE
from ras_server.store import gateways, grants
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.safe import Home
from tests.ras_server.application.test_grants import told
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_tickets import deliver, newest, tickets, use
from tests.ras_server.client import PASSWORD, Answer, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import started

BEN = "ben@example.org"


async def give(owner: Client, door: Door, gateway_id: str, **fields: object) -> Answer:
    """Give a grant to a gateway."""
    subject = {"kind": "gateway", "gateway_id": gateway_id, "name": "Neighbour"}
    return await grant(owner, door, "", **{"subject": subject} | fields)


@pytest.fixture
async def ben(owner: Client) -> Client:
    """Return a neighbour."""
    return await owner.another().enter(BEN)


@pytest.fixture
async def theirs(ben: Client) -> Gateway:
    """Return the gateway of the neighbour."""
    return Gateway(await ben.gateway())


async def test_asks_by_itself(
    owner: Client, ben: Client, theirs: Gateway, *, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """The gateway sees the lock and operates it under its own name; its person does not."""
    before = await operate(theirs.client, door, unlock(clock))
    given = await give(owner, door, theirs.id)

    async with online(home, door):
        listed = [await each.get("/v1/devices") for each in (theirs.client, ben)]
        opened = await operate(theirs.client, door, unlock(clock))
        forbidden = await operate(theirs.client, door, unlock(clock, "open"))
        by_hand = await operate(ben, door, unlock(clock))
    other = await operate(await ben.gateway("Second"), door, unlock(clock))
    operation = await ben.get(f"/v1/operations/{opened.data['operation_id']}")
    shown = await ben.get(f"/v1/grants/{given.data['grant_id']}")

    assert before.code == 2001
    assert given.http == 201, given
    assert given.data["subject"] == {
        "kind": "gateway",
        "gateway_id": theirs.id,
        "name": "Neighbour",
    }
    assert [[each["device_id"] for each in one.data["items"]] for one in listed] == [
        [door.device_id],
        [],
    ]
    assert opened.http == 200, opened
    assert forbidden.code == 3001
    assert (by_hand.code, other.code, operation.code, shown.code) == (2001, 2001, 4005, 4005)
    entries = [item["entry"] for item in (await owner.get("/v1/audit")).data["items"]]
    decided = [each for each in entries if each["action"] == "access.unlock" and not each["result"]]
    assert [(each["actor"], each["detail"]["grant"]) for each in decided] == [
        (f"gw:{theirs.id}", given.data["grant_id"])
    ]
    assert (await owner.get("/v1/people")).data["items"][1:] == []


async def test_owner_hears_of_the_gateway(
    owner: Client, theirs: Gateway, home: Gateway, *, door: Door, clock: MovableClock
) -> None:
    """What the owner is told of a use names the gateway, not who has it."""
    await give(owner, door, theirs.id, notify=True)

    async with started(owner, role="user") as (socket, _), online(home, door):
        await operate(theirs.client, door, unlock(clock))
        used = await told(socket, "access_used")
        await operate(theirs.client, door, unlock(clock, "open"))
        denied = await told(socket, "access_denied")

    for body in (used, denied):
        assert (body["user_id"], body["user"]) == (None, None)
        assert body["asked_by"] == f"gw:{theirs.id}"


async def test_tickets(
    owner: Client, ben: Client, theirs: Gateway, *, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Tickets go to that gateway only, for a quarter of an hour, without the key of adverts."""
    given = await give(owner, door, theirs.id)
    own = await tickets(theirs, door)
    asked_by_ben = await ben.post(
        f"/v1/devices/{door.device_id}/tickets", {"gateway_id": theirs.id}
    )
    second = Gateway(await ben.gateway("Second"))
    of_the_other = await tickets(second, door)
    for_the_other = await theirs.client.post(
        f"/v1/devices/{door.device_id}/tickets", {"gateway_id": second.id}
    )
    await deliver(home, door)

    ticket = own.data["tickets"][0]
    assert ticket["expires"] - ticket["issued"] <= 900
    assert own.data["k_adv"] == {}
    assert use(door, newest(own), Command.OPERATE, clock()) is Status.OK
    assert (asked_by_ben.code, of_the_other.code, for_the_other.code) == (2001, 2001, 3001)
    await owner.request("DELETE", f"/v1/grants/{given.data['grant_id']}")
    await deliver(home, door)
    assert use(door, newest(own), Command.OPERATE, clock()) is None


async def test_at_the_door(owner: Client, theirs: Gateway, home: Gateway, door: Door) -> None:
    """It reaches the lock itself, too: under a session of the server, and with what is due."""
    assert home
    await give(owner, door, theirs.id, uses={"max": 1})

    delivered = await theirs.open(door, "deliver")
    locked = await theirs.open(door, "exchange", {"do": [{"cmd": "lock"}]})

    assert delivered.data["result"]["code"] == 0, delivered
    assert locked.data["result"]["code"] == 0, locked


async def test_besides_its_person(
    owner: Client, theirs: Gateway, home: Gateway, *, door: Door, clock: MovableClock
) -> None:
    """A gateway still does what its person may; whichever grant allows a wish stands for it."""
    his = await grant(owner, door, BEN, rights=["lock"])
    its = await give(owner, door, theirs.id, rights=["unlock", "log"])

    async with online(home, door):
        unlocked = await operate(theirs.client, door, unlock(clock))
        locked = await operate(theirs.client, door, {"cmd": "lock"})
    log = await theirs.client.get(f"/v1/devices/{door.device_id}/log")

    assert (unlocked.http, locked.http, log.http) == (200, 200, 200)
    entries = [item["entry"] for item in (await owner.get("/v1/audit")).data["items"]]
    assert [
        each["detail"]["grant"] for each in entries if each["action"].startswith("access.")
    ] == [
        its.data["grant_id"],
        his.data["grant_id"],
    ]


async def test_names_nobody(
    owner: Client, ben: Client, theirs: Gateway, *, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A gateway with a grant is none of the household: it speaks for nobody but itself."""
    assert home
    await give(owner, door, theirs.id)

    for person in (owner.user_id, ben.user_id):
        body = unlock(clock) | {"person": person}
        assert (await operate(theirs.client, door, body)).code == 3001
    report = await theirs.client.post(
        f"/v1/devices/{door.device_id}/log", {"gateway_id": theirs.id, "records": []}
    )
    assert report.code == 3001


async def test_limits(
    owner: Client, ben: Client, theirs: Gateway, *, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Limits hold for a gateway as for anybody; its person is no second one for it."""
    given = await give(owner, door, theirs.id, uses={"max": 1}, second_person=True)

    async with started(owner, role="user") as (socket, _), online(home, door):
        asked = await operate(theirs.client, door, unlock(clock))
        heard = await told(socket, "access_asked")
        path = f"/v1/confirmations/{asked.data['confirmation']}"
        his = await grant(owner, door, BEN)
        by_ben = await ben.post(path, {"answer": "yes"})
        await owner.request("DELETE", f"/v1/grants/{his.data['grant_id']}")
        await owner.post(path, {"answer": "yes"})
        opened = await operate(theirs.client, door, unlock(clock))
    spent = (await owner.get(f"/v1/grants/{given.data['grant_id']}")).data["uses"]

    assert asked.data["needs"] == "second_person"
    assert (heard["user"], heard["user_id"]) == ("Neighbour", None)
    assert by_ben.code == 4005
    assert opened.http == 200, opened
    assert spent["spent"] == 1


@pytest.mark.parametrize(
    ("gateway_id", "code"),
    [pytest.param("g-nobody", 4005, id="unknown"), pytest.param("", 4001, id="the owner's own")],
)
async def test_whom(
    owner: Client, home: Gateway, *, door: Door, gateway_id: str, code: int
) -> None:
    """A grant goes to a gateway that is there, and is not the owner's own: that one does as he."""
    assert (await give(owner, door, gateway_id or home.id)).code == code


async def test_told(
    owner: Client, theirs: Gateway, home: Gateway, *, door: Door, clock: MovableClock
) -> None:
    """The gateway hears that it has access, what the lock does, and that the access has ended."""
    async with started(theirs.client) as (socket, _), online(home, door):
        given = await give(owner, door, theirs.id)
        await operate(owner, door, unlock(clock))
        await owner.request("DELETE", f"/v1/grants/{given.data['grant_id']}")
        heard = [await socket.envelope() for _ in range(4)]

    assert [(each["mi"], each["body"].get("op")) for each in heard] == [
        (8, "added"),
        (3, None),
        (8, "revoked"),
        (8, "removed"),
    ]


async def test_removed_gateway(
    owner: Client,
    ben: Client,
    theirs: Gateway,
    *,
    home: Gateway,
    door: Door,
    app: web.Application,
    clock: MovableClock,
) -> None:
    """With the gateway its grant and its tickets end; who had it ends nobody else's by that."""
    given = await give(owner, door, theirs.id)
    ticket, family = newest(await tickets(theirs, door)), newest(await tickets(home, door))
    await home.open(door, "deliver")
    assert use(door, ticket, Command.OPERATE, clock()) is Status.OK

    removed = await ben.request("DELETE", f"/v1/gateways/{theirs.id}")
    for _ in range(4):
        await home.open(door, "deliver")

    shown = await owner.get(f"/v1/grants/{given.data['grant_id']}")
    assert removed.http == 200, removed
    assert shown.data["revoked"] is not None
    assert grants.live_of_gateway(app[DATABASE], theirs.id) == []
    assert use(door, ticket, Command.OPERATE, clock()) is None
    assert use(door, family, Command.OPERATE, clock()) is Status.OK


async def test_person_gone(
    owner: Client, ben: Client, theirs: Gateway, *, home: Gateway, door: Door, app: web.Application
) -> None:
    """When who has the gateway deletes his account, the grant of the gateway ends."""
    assert home
    given = await give(owner, door, theirs.id)

    assert (await ben.request("DELETE", "/v1/users/me")).http == 200

    shown = await owner.get(f"/v1/grants/{given.data['grant_id']}")
    assert shown.data["revoked"] is not None
    assert gateways.get(app[DATABASE], theirs.id) is None


async def test_export(
    owner: Client, ben: Client, theirs: Gateway, *, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Who has the gateway takes along what it may, and what it did."""
    given = await give(owner, door, theirs.id)
    async with online(home, door):
        await operate(theirs.client, door, unlock(clock))

    exported = (await ben.get("/v1/users/me/export")).data

    assert [(each["grant_id"], each["gateway_id"]) for each in exported["grants"]] == [
        (given.data["grant_id"], theirs.id)
    ]
    assert [each["command"] for each in exported["grant_uses"]] == ["unlock"]


@pytest.mark.parametrize("by", ["owner", "person"])
async def test_restored(living: Home, by: str) -> None:
    """A grant that ended after the backup, by the owner or with the gateway, does not come back."""
    ben = await living.owner.another().enter(BEN)
    made = await ben.post(
        "/v1/gateways", {"name": "Home", "kind": "home_assistant", "version": "1"}
    )
    theirs = Gateway(await ben.another().log_in_gateway(made.data))
    given = await give(living.owner, living.door, theirs.id)
    await living.save()
    if by == "owner":
        await living.owner.request("DELETE", f"/v1/grants/{given.data['grant_id']}")
    else:
        await ben.request("DELETE", f"/v1/gateways/{theirs.id}")

    async with living.again():
        shown = await living.owner.get(f"/v1/grants/{given.data['grant_id']}")
        ben = living.owner.another()
        await ben.log_in(BEN, PASSWORD)
        known = [each["gateway_id"] for each in (await ben.get("/v1/gateways")).data["items"]]
        await living.deliver()
        rows = (await living.owner.get(f"/v1/devices/{living.door.device_id}/users")).data["items"]

    assert shown.data["revoked"] is not None
    assert known == ([theirs.id] if by == "owner" else [])
    assert [each for each in rows if each["grant_id"] == given.data["grant_id"]] == []
