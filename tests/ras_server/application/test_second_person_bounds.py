"""A second person over HTTP: what a yes does not open, for whom and how long it does not count."""

import asyncio
from typing import Any

from aiohttp import web
import pytest

from ras_server.keys import DATABASE
from ras_server.store import accounts
from tests.ras_server.application.desk import BEN, CLEO, Desk
from tests.ras_server.application.parts import Gateway
from tests.ras_server.application.test_operations import grant, online
from tests.ras_server.application.test_sites import put_fence
from tests.ras_server.application.test_tickets import tickets
from tests.ras_server.client import Client
from tests.ras_server.sockets import started


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"cmd": "open"}, id="command"),
        pytest.param({"relock_s": 60}, id="left unlocked"),
    ],
)
async def test_bound_to_what(desk: Desk, other: dict[str, Any]) -> None:
    """A yes to unlocking is none to opening, nor to leaving it unlocked."""
    rights = ["unlock", "open", "hold"]
    body = {"rev": desk.grant["rev"], "rights": rights, "second_person": True}
    await desk.owner.request("PUT", f"/v1/grants/{desk.grant['grant_id']}", body)

    async with online(desk.home, desk.door):
        confirmation = await desk.agreed()
        elsewhere = await desk.tries(confirm=confirmation, **other)
        meant = await desk.tries(confirm=confirmation)

    assert elsewhere.code == 3006
    assert elsewhere.data["confirmation"] != confirmation
    assert meant.http == 200, meant


async def test_bound_to_whom(desk: Desk) -> None:
    """A yes to Ben opens for nobody else, nor for Ben through a gateway that asks in his name."""
    await grant(desk.owner, desk.door, CLEO, second_person=True)
    cleo = await desk.owner.another().enter(CLEO)

    async with online(desk.home, desk.door):
        confirmation = await desk.agreed()
        another = await desk.tries(cleo, confirm=confirmation)
        through = await desk.tries(desk.home.client, person=desk.ben.user_id, confirm=confirmation)

    assert (another.code, through.code) == (3006, 3006)
    assert desk.door.lock.show()["bolt"] == "locked"


async def test_own_gateway_is_not_another_person(desk: Desk) -> None:
    """What Ben's gateway asks, Ben does not agree to."""
    theirs = await desk.ben.gateway()
    asked = await desk.tries(theirs)

    assert (await desk.says(desk.ben, asked.data["confirmation"])).code == 4005


async def test_nobody_agrees_with_himself(desk: Desk) -> None:
    """Who could do it alone at the door, but is not there, is no second person for himself."""
    made = await desk.owner.post("/v1/sites", {"name": "Home"})
    site = f"/v1/sites/{made.data['site_id']}"
    await desk.owner.request("PUT", f"{site}/devices/{desk.door.device_id}")
    await put_fence(desk.owner, site, "off")
    await grant(desk.owner, desk.door, BEN, geofence={"policy": "deny"})

    asked = await desk.tries()

    assert asked.data["needs"] == "second_person"
    assert await desk.waits(desk.ben) == []
    assert (await desk.says(desk.ben, asked.data["confirmation"])).code == 4005


async def test_too_late(desk: Desk) -> None:
    """A yes is said within five minutes, and used within one."""
    async with online(desk.home, desk.door):
        asked = await desk.tries()
        desk.clock.move(300)
        late = await desk.says(desk.owner, asked.data["confirmation"])
        confirmation = await desk.agreed()
        desk.clock.move(60)
        unused = await desk.tries(confirm=confirmation)

    assert late.code == 4005
    assert unused.code == 3006


async def test_yes_of_who_left(desk: Desk, cleo: Client, app: web.Application) -> None:
    """The yes of who has lost his access meanwhile, or was locked out, is none."""
    given = (await desk.owner.get(f"/v1/devices/{desk.door.device_id}/grants")).data["items"]
    hers = next(each for each in given if not each["second_person"])

    async with online(desk.home, desk.door):
        asked = await desk.tries()
        await desk.says(cleo, asked.data["confirmation"])
        accounts.set_locked(app[DATABASE], cleo.user_id, locked=True)
        locked_out = await desk.tries()
        accounts.set_locked(app[DATABASE], cleo.user_id, locked=False)
        await desk.says(cleo, locked_out.data["confirmation"])
        await desk.owner.request("DELETE", f"/v1/grants/{hers['grant_id']}")
        left = await desk.tries()

    assert (locked_out.code, left.code) == (3006, 3006)
    assert len({each.data["confirmation"] for each in (asked, locked_out, left)}) == 3


async def test_left_on_the_way(desk: Desk, cleo: Client) -> None:
    """A yes is looked at once more when the first packet is made."""
    given = (await desk.owner.get(f"/v1/devices/{desk.door.device_id}/grants")).data["items"]
    hers = next(each for each in given if not each["second_person"])
    asked = await desk.tries()
    await desk.says(cleo, asked.data["confirmation"])

    async with started(desk.home.client) as (socket, _):
        operation = asyncio.create_task(desk.tries())
        envelope = await socket.envelope()
        while "exchange" not in envelope["body"]:
            envelope = await socket.envelope()
        await desk.owner.request("DELETE", f"/v1/grants/{hers['grant_id']}")
        await desk.home.begin(desk.door, envelope["body"]["exchange"])
        answer = await operation

    assert (answer.http, answer.code) == (403, 3001)
    assert desk.door.lock.show()["bolt"] == "locked"


async def test_another_grant(desk: Desk) -> None:
    """Who asks under another grant, because the one he asked under has ended, is heard anew."""
    asked = await desk.tries()
    await grant(desk.owner, desk.door, BEN, second_person=True)
    await desk.owner.request("DELETE", f"/v1/grants/{desk.grant['grant_id']}")
    between = await desk.waits(desk.owner)
    anew = await desk.tries()

    assert between == []
    assert anew.data["confirmation"] != asked.data["confirmation"]
    assert await desk.waits(desk.owner) == [anew.data["confirmation"]]


async def test_asked_in_vain(desk: Desk) -> None:
    """What is refused all the same is asked of nobody; what was revoked waits no more."""
    other = await grant(desk.owner, desk.door, CLEO, second_person=True, pin="4711")
    cleo = await desk.owner.another().enter(CLEO)

    without = await desk.tries(cleo)
    wrong = await desk.tries(cleo, pin="1234")
    late = await desk.tries(cleo, pin="4711", expires=1)
    before = await desk.waits(desk.owner)
    right = await desk.tries(cleo, pin="4711")
    waiting = await desk.waits(desk.owner)
    await desk.owner.request("DELETE", f"/v1/grants/{other.data['grant_id']}")
    after = await desk.waits(desk.owner)
    answered = await desk.says(desk.owner, right.data["confirmation"])

    assert (without.data["needs"], wrong.code, late.code) == ("pin", 3007, 3003)
    assert right.data["needs"] == "second_person"
    assert (before, waiting, after) == ([], [right.data["confirmation"]], [])
    assert answered.code == 4005


async def test_given_back(desk: Desk) -> None:
    """A yes is not lost when nobody is there to carry it, nor by a wrong PIN."""
    body = {
        "rev": desk.grant["rev"],
        "rights": ["unlock"],
        "second_person": True,
        "pin": "4711",
        "uses": {"max": 1},
    }
    await desk.owner.request("PUT", f"/v1/grants/{desk.grant['grant_id']}", body)

    await desk.agreed(pin="4711")
    nobody = await desk.tries(pin="4711")
    async with online(desk.home, desk.door):
        wrong = await desk.tries(pin="1234")
        opened = await desk.tries(pin="4711")

    assert (nobody.code, wrong.code) == (2005, 3007)
    assert opened.http == 200, opened


async def test_no_way_around(desk: Desk) -> None:
    """Such a grant has neither tickets nor codes."""
    theirs = Gateway(await desk.ben.gateway())
    ticket = await tickets(theirs, desk.door)
    code = await desk.owner.post(
        f"/v1/devices/{desk.door.device_id}/codes", {"class": 1, "grant": desk.grant["grant_id"]}
    )

    assert (ticket.code, code.code) == (3001, 3001)


async def test_from_away(desk: Desk) -> None:
    """Somebody else's yes covers what one would have confirmed oneself, and no forbidden place."""
    made = await desk.owner.post("/v1/sites", {"name": "Home"})
    site = f"/v1/sites/{made.data['site_id']}"
    await desk.owner.request("PUT", f"{site}/devices/{desk.door.device_id}")
    await put_fence(desk.owner, site, "confirm")

    async with online(desk.home, desk.door):
        await desk.home.open(desk.door, "deliver")
        away = await desk.tries()
        asked = await desk.tries(confirm=away.data["confirmation"])
        await desk.says(desk.owner, asked.data["confirmation"])
        opened = await desk.tries()
        away = await desk.tries()
        asked = await desk.tries(confirm=away.data["confirmation"])
        await desk.says(desk.owner, asked.data["confirmation"])
        await put_fence(desk.owner, site, "deny")
        forbidden = await desk.tries()

    assert away.data["needs"] == "confirm"
    assert asked.data["needs"] == "second_person"
    assert opened.http == 200, opened
    assert forbidden.code == 3004
