"""The limits of a grant over HTTP: hours, PIN, uses, changes; what the owner is told."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
import pytest

from igrs_codec.bsld.frame import Command, Status
from ras_server.keys import DATABASE
from ras_server.store import grants as store
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_tickets import deliver, newest, tickets, use
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import Socket, started


@pytest.fixture
async def guest(client: Client) -> Client:
    """Return somebody else, who is logged in."""
    return await client.another().enter("guest@example.org")


async def give(owner: Client, door: Door, **fields: Any) -> dict[str, Any]:
    """Give that person a grant."""
    answer = await grant(owner, door, "guest@example.org", **fields)
    assert answer.http == 201, answer
    return answer.data


async def uses(owner: Client, given: dict[str, Any]) -> list[tuple[int | None, bool]]:
    """Return result and validity of each use of a grant."""
    listed = await owner.get(f"/v1/grants/{given['grant_id']}/uses")
    return [(use_["result"], use_["counts"]) for use_ in listed.data["items"]]


async def told(socket: Socket, event: str) -> dict[str, Any]:
    """Return the next message of an event."""
    while True:
        envelope = await socket.envelope()
        body: dict[str, Any] = envelope["body"]
        if envelope["mi"] == 9 and body.get("event") == event:
            return body


async def test_schedule(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A grant holds in its hours; to lock it holds always."""
    now = datetime.fromtimestamp(clock(), UTC)
    today = {"weekdays": [now.isoweekday()], "times": [["00:00", "24:00"]], "tz": "UTC"}
    given = await give(owner, door, valid=today)

    async with online(home, door):
        within = await operate(guest, door, unlock(clock))
    clock.move(86400)
    await guest.log_in("guest@example.org")
    refused = await operate(guest, door, unlock(clock))

    assert given["valid"] == {"from": None, "until": None} | today
    assert within.http == 200
    assert (refused.http, refused.code) == (403, 3002)


async def test_pin(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A PIN is needed to unlock, not to lock; it is not shown again."""
    given = await give(owner, door, pin="4711")

    async with online(home, door):
        missing = await operate(guest, door, unlock(clock))
        wrong = await operate(guest, door, unlock(clock) | {"pin": "4712"})
        right = await operate(guest, door, unlock(clock) | {"pin": "4711"})
        locked = await operate(guest, door, {"cmd": "lock"})

    assert (missing.http, missing.code, missing.data["needs"]) == (403, 3006, "pin")
    assert (wrong.http, wrong.code) == (403, 3007)
    assert right.http == 200, right
    assert locked.http == 200
    assert given["pin"] is True
    assert "4711" not in str(given)


@pytest.mark.usefixtures("home")
async def test_guessed_pin(
    owner: Client, guest: Client, app: web.Application, door: Door, clock: MovableClock
) -> None:
    """After five wrong PINs none is looked at for a while, not even after a restart."""
    clock.stop()
    given = await give(owner, door, pin="4711")

    tries = [await operate(guest, door, unlock(clock) | {"pin": "0000"}) for _ in range(5)]
    waiting = await operate(guest, door, unlock(clock) | {"pin": "4711"})
    stored = store.get(app[DATABASE], given["grant_id"])
    clock.move(60)
    again = await operate(guest, door, unlock(clock) | {"pin": "4711"})

    assert [each.code for each in tries] == [3007] * 5
    assert (waiting.http, waiting.code) == (429, 1006)
    assert stored is not None
    assert (stored.pin_wrong, stored.pin_until) == (5, int(clock()))
    assert again.code == 2005  # no gateway is connected: the decision was yes
    after = store.get(app[DATABASE], given["grant_id"])
    assert after is not None
    assert after.pin_wrong == 0


async def test_uses(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Uses are counted down, listed, and then spent; locking costs none."""
    given = await give(owner, door, uses={"max": 2})

    async with online(home, door):
        results = [await operate(guest, door, unlock(clock)) for _ in range(2)]
        spent = await operate(guest, door, unlock(clock))
        locked = await operate(guest, door, {"cmd": "lock"})

    assert [each.http for each in results] == [200, 200]
    assert (spent.http, spent.code) == (403, 3005)
    assert locked.http == 200
    assert await uses(owner, given) == [(0, True), (0, True)]
    assert await uses(guest, given) == [(0, True), (0, True)]
    shown = await owner.get(f"/v1/grants/{given['grant_id']}")
    assert shown.data["uses"] == {"max": 2, "spent": 2}


async def test_use_is_returned(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A use whose packet never left is given back; one whose outcome is unknown is not."""
    given = await give(owner, door, uses={"max": 2})
    nobody = await operate(guest, door, unlock(clock))

    async with online(home, door):
        door.deaf = True
        not_written = await operate(guest, door, unlock(clock))
        door.deaf = False
        await operate(owner, door, {"cmd": "lock"})
        door.deaf = True
        unknown = await operate(guest, door, unlock(clock))
        door.deaf = False
        clock.move(2)  # the HELLO has to be newer than the operation without an answer
        done = await operate(guest, door, unlock(clock))
        spent = await operate(guest, door, unlock(clock))

    assert [nobody.code, not_written.code] == [2005, 2007]
    assert [unknown.code, done.code, spent.code] == [2007, 0, 3005]
    assert sorted(await uses(owner, given)) == [
        (0, True),
        (2005, False),
        (2007, False),
        (2007, True),
    ]


async def test_last_use_at_once(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Of two who want the last use at the same time one gets it."""
    await give(owner, door, uses={"max": 1})

    async with online(home, door):
        both = await asyncio.gather(
            operate(guest, door, unlock(clock)), operate(guest, door, unlock(clock))
        )

    assert sorted(each.code for each in both) == [0, 3005]


async def test_relay_only(owner: Client, guest: Client, home: Gateway, door: Door) -> None:
    """What only the server can decide has no ticket."""
    assert home
    theirs = Gateway(await guest.gateway())
    given = await give(owner, door, uses={"max": 3})

    refused = await tickets(theirs, door)
    entries = (await owner.get("/v1/audit")).data["items"]

    assert given["uses"] == {"max": 3, "spent": 0}
    assert (refused.http, refused.code) == (403, 3001)
    assert ("ticket.refuse", 3001) in [
        (item["entry"]["action"], item["entry"]["result"]) for item in entries
    ]


async def test_guest_ticket_is_short(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A guest's ticket lives for a quarter of an hour at most."""
    assert home
    await give(owner, door)

    answer = await tickets(Gateway(await guest.gateway()), door)

    assert newest(answer).expires <= int(clock()) + 900


async def test_changed_terms(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A change of the terms holds at once, and ends the tickets of before at the lock."""
    given = await give(owner, door, rights=["lock", "unlock"])
    theirs = Gateway(await guest.gateway())
    ticket = newest(await tickets(theirs, door))
    await deliver(home, door)
    assert use(door, ticket, Command.OPERATE, clock()) is Status.OK
    path = f"/v1/grants/{given['grant_id']}"

    changed = await owner.request("PUT", path, {"rev": 1, "rights": ["lock"], "notify": True})
    stale = await owner.request("PUT", path, {"rev": 1, "rights": ["unlock"]})
    by_guest = await guest.request("PUT", path, {"rev": 2, "rights": ["unlock"]})
    refused = await operate(guest, door, unlock(clock))
    await deliver(home, door)

    assert (changed.http, changed.data["rights"], changed.data["rev"]) == (200, ["lock"], 2)
    assert (stale.http, stale.code) == (412, 4007)
    assert by_guest.code == 4005
    assert refused.code == 3001
    assert use(door, ticket, Command.OPERATE, clock()) is None
    assert newest(await tickets(theirs, door)).uid != ticket.uid


async def test_owner_is_told(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """The owner hears of uses, if he asked to, and of refusals, but not of each again and again."""
    given = await give(owner, door, notify=True)

    async with started(owner, role="user") as (socket, _), online(home, door):
        await operate(guest, door, unlock(clock))
        used = await told(socket, "access_used")
        for _ in range(3):
            await operate(guest, door, unlock(clock, "open"))
        await operate(guest, door, unlock(clock, ahead=-1))
        first = await told(socket, "access_denied")
        second = await told(socket, "access_denied")

    assert (used["cmd"], used["code"], used["grant"]) == ("unlock", 0, given["grant_id"])
    assert (first["cmd"], first["code"], first["user"]) == ("open", 3001, "Anna")
    assert (second["cmd"], second["code"]) == ("unlock", 3003)
    assert second["user_id"] == guest.user_id


async def test_revoked_on_the_way(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A grant that is revoked before the first packet opens nothing any more."""
    given = await give(owner, door, uses={"max": 1})
    async with started(home.client) as (socket, _):
        task = asyncio.create_task(operate(guest, door, unlock(clock)))
        envelope = await control(socket, "unlock")
        await owner.request("DELETE", f"/v1/grants/{given['grant_id']}")
        await home.begin(door, envelope["body"]["exchange"])
        answer = await task

    assert answer.code == 3003
    assert door.lock.show()["bolt"] == "locked"
    assert await uses(owner, given) == [(3003, False)]


async def control(socket: Socket, cmd: str) -> dict[str, Any]:
    """Return the next control message of a kind."""
    while True:
        envelope = await socket.envelope()
        if envelope["mi"] == 1 and envelope["body"]["cmd"] == cmd:
            return envelope


async def test_nobody_is_told_of_accounts(
    owner: Client, guest: Client, home: Gateway, door: Door
) -> None:
    """A grant looks the same whether its account is registered or not, until the person comes."""
    assert home
    known = await give(owner, door)
    unknown = (await grant(owner, door, "nobody@example.org")).data
    before = (await owner.get("/v1/people")).data["items"]
    rows = await owner.get(f"/v1/devices/{door.device_id}/users")

    await guest.get(f"/v1/devices/{door.device_id}")
    after = (await owner.get("/v1/people")).data["items"]

    differ = {"grant_id", "subject", "created"}
    assert {key for key in known if known[key] != unknown[key]} <= differ
    assert [each["role"] for each in before] == ["owner"]
    assert guest.user_id not in str(rows.body)
    assert [(each["user_id"], each["role"]) for each in after[1:]] == [(guest.user_id, "guest")]


async def test_removed_person(
    owner: Client, guest: Client, client: Client, home: Gateway, door: Door
) -> None:
    """Who deletes his account leaves nothing to who registers its name after him."""
    assert home
    given = await give(owner, door)
    removed = await guest.request("DELETE", "/v1/users/me")
    assert removed.http == 200, removed

    later = await client.another().enter("guest@example.org")

    assert (await later.get(f"/v1/devices/{door.device_id}")).http in {403, 404}
    shown = await owner.get(f"/v1/grants/{given['grant_id']}")
    assert shown.code == 4005 or shown.data["revoked"] is not None


async def exchanged(home: Gateway, door: Door, client: Client, body: dict[str, Any]) -> Answer:
    """Have a gateway's own session done by the server."""
    return await home.open(door, "exchange", body, client)


async def test_exchange_counts(
    owner: Client, guest: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A session through the guest's own gateway is decided and counted like any other."""
    assert home
    given = await give(owner, door, uses={"max": 1})
    theirs = Gateway(await guest.gateway())
    do = [{"cmd": "status"}, {"cmd": "unlock", "expires": int(clock()) + 10}]

    opened = await exchanged(theirs, door, theirs.client, {"do": do})
    spent = await exchanged(theirs, door, theirs.client, {"do": do})

    assert opened.data["result"]["state"]["bolt"] == "unlocked", opened
    assert spent.code == 3005
    assert await uses(owner, given) == [(0, True)]


async def test_mail_address_with_a_plus(owner: Client, home: Gateway, door: Door) -> None:
    """A mail address that begins like a phone number is a mail address all the same."""
    assert home

    given = await grant(owner, door, "+guest@example.org")

    account = {"type": "email", "value": "+guest@example.org"}
    assert given.data["subject"] == {"kind": "account", "account": account}
