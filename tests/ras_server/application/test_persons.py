"""A gateway of a home asks for the persons of the home: each is decided for himself."""

from typing import Any

from aiohttp import web
import pytest

from igrs_codec.bsld.frame import Command, Status
from ras_server.keys import DATABASE
from ras_server.store import accounts
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_grants import told
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_tickets import deliver, newest, tickets, use
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import started


async def test_decided_for_the_person(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """What a gateway asks for a person is decided for that person, and stands in the audit."""
    person = {"person": ben.user_id}
    async with online(home, door):
        stranger = await operate(home.client, door, unlock(clock) | person)
        given = await grant(owner, door, "ben@example.org", rights=["unlock"])
        opened = await operate(home.client, door, unlock(clock) | person)
        locked = await operate(home.client, door, {"cmd": "lock"} | person)
        for_itself = await operate(home.client, door, {"cmd": "lock"})
    entries = [item["entry"] for item in (await owner.get("/v1/audit")).data["items"]]
    decisions = [each for each in entries if each["action"].startswith("access.")]

    assert (stranger.http, stranger.code) == (403, 3001)
    assert opened.http == 200, opened
    assert locked.code == 3001
    assert for_itself.http == 200
    assert [
        (each["actor"], each["detail"].get("person"), each["detail"].get("grant"), each["result"])
        for each in decisions
    ] == [
        (f"gw:{home.id}", ben.user_id, None, 3001),
        (f"gw:{home.id}", ben.user_id, given.data["grant_id"], 0),
        (f"gw:{home.id}", ben.user_id, given.data["grant_id"], 3001),
        (f"gw:{home.id}", None, None, 0),
    ]


@pytest.mark.parametrize("command", ["operate", "query", "exchange", "tickets"])
async def test_only_the_household_names_people(
    owner: Client,
    ben: Client,
    home: Gateway,
    door: Door,
    clock: MovableClock,
    *,
    command: str,
) -> None:
    """Neither a user nor a guest's gateway speaks for somebody else."""
    assert home
    await grant(owner, door, "ben@example.org")
    theirs = Gateway(await ben.gateway())
    body: dict[str, Any] = {"person": owner.user_id, "gateway_id": theirs.id} | {
        "operate": unlock(clock),
        "query": {"what": "status"},
        "exchange": {"hello": door.connect().hex(), "do": [{"cmd": "status"}]},
        "tickets": {},
    }[command]

    for caller in (ben, theirs.client):
        answer = await caller.post(f"/v1/devices/{door.device_id}/{command}", body)
        assert (answer.http, answer.code) == (403, 3001)
    assert door.lock.show()["bolt"] == "locked"


async def test_ticket_of_a_person(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A gateway gets a ticket for each person, and the lock tells who used it."""
    await grant(owner, door, "ben@example.org", rights=["lock"])

    his = await tickets(home, door, person=ben.user_id)
    nobodys = await tickets(home, door, person="u-nobody")
    own = await tickets(home, door)
    await deliver(home, door)

    assert his.data["tickets"][0]["rights"] == ["lock"]
    assert his.data["k_adv"]
    assert nobodys.code == 3001
    assert newest(his).uid != newest(own).uid
    assert use(door, newest(his), Command.OPERATE, clock()) is Status.DENIED
    assert use(door, newest(own), Command.OPERATE, clock()) is Status.OK


async def test_refusal_reaches_the_home(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """The home hears that one of its people was refused, and why."""
    await grant(owner, door, "ben@example.org", rights=["lock"])
    async with started(home.client) as (socket, _):
        await operate(home.client, door, unlock(clock) | {"person": ben.user_id})
        body = await told(socket, "access_denied")

    assert (body["code"], body["user_id"], body["user"]) == (3001, ben.user_id, "Anna")
    assert body["asked_by"] == f"gw:{home.id}"
    assert body["device_id"] == door.device_id


async def test_people_of_the_home(
    owner: Client, ben: Client, client: Client, home: Gateway, door: Door
) -> None:
    """A gateway learns whom it can name: its owner, and who came with a live grant."""
    stranger = await client.another().enter("carl@example.org")
    given = await grant(owner, door, "ben@example.org")
    await ben.get(f"/v1/devices/{door.device_id}")

    listed = await home.client.get("/v1/people")
    theirs = await stranger.get("/v1/people")
    await owner.request("DELETE", f"/v1/grants/{given.data['grant_id']}")
    after = await home.client.get("/v1/people")

    assert listed.data["items"][1:] == [
        {
            "user_id": ben.user_id,
            "display_name": "Anna",
            "role": "guest",
            "devices": [door.device_id],
        }
    ]
    assert [each["user_id"] for each in theirs.data["items"]] == [stranger.user_id]
    assert [each["user_id"] for each in after.data["items"]] == [owner.user_id]


async def test_position_of_a_person(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A home says where its people are; of others it says nothing."""
    given = await grant(owner, door, "ben@example.org", geofence={"policy": "deny"})
    assert given.http == 201, given
    await ben.get(f"/v1/devices/{door.device_id}")
    site = await owner.post("/v1/sites", {"name": "Home"})
    path = f"/v1/sites/{site.data['site_id']}"
    await owner.request("PUT", f"{path}/devices/{door.device_id}")
    fence = {"lat": 52.5, "lon": 13.4, "radius_m": 100, "policy": "off"}
    await owner.request("PUT", f"{path}/geofence", fence)
    position = {"lat": 52.5, "lon": 13.4, "accuracy_m": 5, "at": int(clock())}

    async with online(home, door):
        before = await operate(ben, door, unlock(clock))
        put = await home.client.request(
            "PUT", "/v1/users/me/position", {"position": position, "person": ben.user_id}
        )
        after = await operate(ben, door, unlock(clock))
    foreign = await home.client.request(
        "PUT", "/v1/users/me/position", {"position": position, "person": "u-nobody"}
    )
    by_ben = await ben.request(
        "PUT", "/v1/users/me/position", {"position": position, "person": owner.user_id}
    )

    assert (before.code, put.code, after.code) == (3004, 0, 0)
    assert (foreign.code, by_ben.code) == (3001, 3001)


async def test_locked_person(
    app: web.Application, owner: Client, ben: Client, home: Gateway, door: Door
) -> None:
    """A gateway of the household gets nothing for a person whom the administrator locked out."""
    await grant(owner, door, "ben@example.org")
    accounts.set_locked(app[DATABASE], ben.user_id, locked=True)
    person = {"person": ben.user_id}

    taken = await tickets(home, door, **person)
    operated = await operate(home.client, door, {"cmd": "lock"} | person)

    assert (taken.code, operated.code) == (3001, 3001)
    accounts.set_locked(app[DATABASE], ben.user_id, locked=False)
    assert (await tickets(home, door, **person)).http == 200
