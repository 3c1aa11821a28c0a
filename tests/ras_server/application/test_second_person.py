"""A second person over HTTP: who is asked, who answers, what a yes opens, and what it does not."""

from typing import Any

from aiohttp import web
import pytest

from ras_server.keys import DATABASE
from ras_server.store import accounts
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_grants import told
from tests.ras_server.application.test_guests import link
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_sites import invite, put_fence
from tests.ras_server.application.test_tickets import tickets
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import started

BEN, CLEO = "ben@example.org", "cleo@example.org"


class Desk:
    """Ben, who needs a second person, Cleo, who does not, and the owner of the door."""

    def __init__(
        self, owner: Client, home: Gateway, door: Door, clock: MovableClock, *, ben: Client
    ) -> None:
        """Begin with a grant for Ben."""
        self.owner = owner
        self.home = home
        self.door = door
        self.clock = clock
        self.ben = ben
        self.grant: dict[str, Any] = {}

    async def tries(self, who: Client | None = None, **shown: Any) -> Answer:
        """Let somebody, Ben if nobody is named, unlock the door."""
        return await operate(who or self.ben, self.door, unlock(self.clock) | shown)

    async def says(self, who: Client, confirmation: str, answer: str = "yes") -> Answer:
        """Let somebody answer."""
        return await who.post(f"/v1/confirmations/{confirmation}", {"answer": answer})

    async def waits(self, who: Client) -> list[str]:
        """Return what waits for somebody."""
        listed = await who.get("/v1/confirmations")
        assert listed.http == 200, listed
        return [each["confirmation"] for each in listed.data["items"]]

    async def agreed(self, who: Client | None = None, **shown: Any) -> str:
        """Let somebody ask, and the owner say yes; return what was answered."""
        asked = await self.tries(who, **shown)
        confirmation = str(asked.data["confirmation"])
        assert (await self.says(self.owner, confirmation)).code == 0
        return confirmation


@pytest.fixture
async def desk(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> Desk:
    """Return a door at which Ben needs a second person."""
    ben = await owner.another().enter(BEN)
    desk = Desk(owner, home, door, clock, ben=ben)
    desk.grant = (await grant(owner, door, BEN, second_person=True)).data
    return desk


@pytest.fixture
async def cleo(desk: Desk) -> Client:
    """Return somebody who may unlock alone."""
    await grant(desk.owner, desk.door, CLEO)
    return await desk.owner.another().enter(CLEO)


async def test_yes(desk: Desk) -> None:
    """Ben asks, the owner hears of it and says yes, Ben opens, once; the audit tells who agreed."""
    async with (
        started(desk.owner, role="user") as (owner, _),
        started(desk.ben, role="user") as (ben, _),
        online(desk.home, desk.door),
    ):
        asked = await desk.tries()
        heard = await told(owner, "access_asked")
        confirmation = heard["confirmation"]
        early = await desk.tries(confirm=confirmation)
        waiting = (await desk.owner.get("/v1/confirmations")).data["items"]
        said = await desk.says(desk.owner, confirmation)
        answered = await told(ben, "access_answered")
        opened = await desk.tries(confirm=confirmation)
        again = await desk.tries(confirm=confirmation)

    assert (asked.http, asked.code) == (403, 3006)
    assert asked.data == early.data
    assert asked.data["needs"] == "second_person"
    assert asked.data["confirmation"] == confirmation
    assert {name: heard[name] for name in ("cmd", "hold", "user_id", "user", "grant")} == {
        "cmd": "unlock",
        "hold": False,
        "user_id": desk.ben.user_id,
        "user": "Anna",
        "grant": desk.grant["grant_id"],
    }
    assert [(each["confirmation"], each["name"]) for each in waiting] == [
        (confirmation, "Front door")
    ]
    assert said.data["answer"] == answered["answer"] == "yes"
    assert said.data["ends"] == answered["ends"]
    assert "answered_by" not in answered
    assert opened.http == 200, opened
    assert again.code == 3006
    assert again.data["confirmation"] != confirmation
    entries = [item["entry"] for item in (await desk.owner.get("/v1/audit")).data["items"]]
    decided = [each for each in entries if each["action"] == "access.unlock"]
    assert [each["result"] for each in decided] == [3006, 3006, 0, 3006]
    assert decided[2]["detail"]["agreed"] == f"user:{desk.owner.user_id}"
    (approved,) = [each for each in entries if each["action"] == "access.approve"]
    assert approved["actor"] == f"user:{desk.owner.user_id}"
    assert approved["detail"] == {
        "asked_by": f"user:{desk.ben.user_id}",
        "cmd": "unlock",
        "confirmation": confirmation,
        "grant": desk.grant["grant_id"],
    }
    assert decided[2]["detail"]["confirmation"] == confirmation


async def test_yes_without_confirm(desk: Desk) -> None:
    """The same wish once more is enough: who wants what at which lock is what was agreed to."""
    async with online(desk.home, desk.door):
        await desk.agreed()
        assert (await desk.tries()).http == 200


async def test_no(desk: Desk) -> None:
    """A no stands for the rest of the five minutes; then it can be asked anew."""
    async with started(desk.ben, role="user") as (ben, _), online(desk.home, desk.door):
        asked = await desk.tries()
        said = await desk.says(desk.owner, asked.data["confirmation"], "no")
        answered = await told(ben, "access_answered")
        refused = await desk.tries(confirm=asked.data["confirmation"])
        again = await desk.tries()
        desk.clock.move(300)
        anew = await desk.tries()

    assert (said.http, answered["answer"]) == (200, "no")
    assert [(each.http, each.code) for each in (refused, again)] == [(403, 3001)] * 2
    assert refused.data["needs"] == again.data["needs"] == "second_person"
    assert anew.code == 3006
    assert desk.door.lock.show()["bolt"] == "locked"
    actions = [
        item["entry"]["action"] for item in (await desk.owner.get("/v1/audit")).data["items"]
    ]
    assert "access.refuse" in actions


async def test_who_may_say_it(desk: Desk, cleo: Client, client: Client) -> None:
    """Who could do it alone is asked; the asker, a stranger, a guest, a gateway are not."""
    dora = await client.another().enter("dora@example.org")
    await grant(desk.owner, desk.door, "dora@example.org", second_person=True)
    stranger = await client.another().enter("eve@example.org")
    guest, _ = await link(desk.owner, desk.door)
    theirs = await cleo.gateway()

    async with online(desk.home, desk.door), started(cleo, role="user") as (socket, _):
        asked = await desk.tries()
        heard = await told(socket, "access_asked")
        confirmation = asked.data["confirmation"]
        others = [
            await desk.says(each, confirmation)
            for each in (desk.ben, dora, stranger, guest, theirs, desk.home.client)
        ]
        listed = [await desk.waits(each) for each in (desk.owner, cleo, desk.ben, dora, stranger)]
        by_gateway = await theirs.get("/v1/confirmations")
        said = await desk.says(cleo, confirmation)
        late = await desk.says(desk.owner, confirmation, "no")
        none_left = await desk.waits(desk.owner)
        opened = await desk.tries()

    assert heard["confirmation"] == confirmation
    assert [each.code for each in others] == [4005, 4005, 4005, 3001, 3001, 3001]
    assert listed == [[confirmation], [confirmation], [], [], []]
    assert by_gateway.code == 3001
    assert (said.http, late.code, none_left) == (200, 4007, [])
    assert opened.http == 200, opened


async def test_household_hears(desk: Desk, cleo: Client) -> None:
    """The home is told who asks, and who agreed; whoever asked is not told that he asks."""
    async with started(desk.home.client) as (home, _), started(desk.ben, role="user") as (ben, _):
        asked = await desk.tries()
        assert (await told(home, "access_asked"))["asked_by"] == f"user:{desk.ben.user_id}"
        await desk.says(cleo, asked.data["confirmation"])
        answered = await told(home, "access_answered")
        first = await ben.envelope()
        while first["mi"] != 9:
            first = await ben.envelope()

    assert answered["answered_by"] == cleo.user_id
    assert first["body"]["event"] == "access_answered"


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


async def test_through_the_home(desk: Desk) -> None:
    """A gateway that asks for Ben is answered like Ben, and opens after the yes."""
    person = {"person": desk.ben.user_id}
    async with online(desk.home, desk.door):
        confirmation = await desk.agreed(desk.home.client, **person)
        opened = await desk.tries(desk.home.client, **person)

    assert confirmation
    assert opened.http == 200, opened


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


async def test_relay(desk: Desk) -> None:
    """At the door the same holds: an exchange asks for a second person too."""
    theirs = Gateway(await desk.ben.gateway())
    deed = {"cmd": "unlock", "expires": int(desk.clock()) + 15}

    asked = await theirs.open(desk.door, "exchange", {"do": [deed]})
    await desk.says(desk.owner, asked.data["confirmation"])
    desk.clock.move(2)
    opened = await theirs.open(desk.door, "exchange", {"do": [deed]})

    assert asked.code == 3006
    assert opened.data["result"]["code"] == 0, opened


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


async def test_link(desk: Desk) -> None:
    """The guest of a link asks under the name in his grant, and opens after the yes."""
    guest, given = await link(desk.owner, desk.door, second_person=True)
    body = unlock(desk.clock) | {"device_id": desk.door.device_id}

    async with online(desk.home, desk.door):
        shown = await guest.get("/v1/guest")
        asked = await guest.post("/v1/guest/operate", body)
        (waiting,) = (await desk.owner.get("/v1/confirmations")).data["items"]
        await desk.says(desk.owner, asked.data["confirmation"])
        opened = await guest.post("/v1/guest/operate", body)

    assert shown.data["second_person"] is True
    assert (waiting["user"], waiting["user_id"]) == ("Plumber", None)
    assert waiting["asked_by"] == f"guest:{given['grant_id']}"
    assert opened.http == 200, opened


async def test_member_is_asked(desk: Desk) -> None:
    """Who belongs to the household may say yes, as far as his own rights go."""
    made = await desk.owner.post("/v1/sites", {"name": "Home"})
    site = f"/v1/sites/{made.data['site_id']}"
    await desk.owner.request("PUT", f"{site}/devices/{desk.door.device_id}")
    member = await desk.owner.another().enter(CLEO)
    await invite(desk.owner, site, CLEO)

    asked = await desk.tries()

    assert (await desk.says(member, asked.data["confirmation"])).http == 200


async def test_shown(desk: Desk) -> None:
    """A grant says that it needs a second person, until a change says otherwise."""
    path = f"/v1/grants/{desk.grant['grant_id']}"
    before = await desk.owner.get(path)
    body = {"rev": before.data["rev"], "rights": ["unlock"]}
    unsaid = await desk.owner.request("PUT", path, body)
    body = {"rev": unsaid.data["rev"], "rights": ["unlock"], "second_person": False}
    taken_back = await desk.owner.request("PUT", path, body)
    exported = await desk.ben.get("/v1/users/me/export")

    shown = [each.data["second_person"] for each in (before, unsaid, taken_back)]
    assert shown == [True, True, False]
    assert [each["second_person"] for each in exported.data["grants"]] == [0]


async def test_said_twice(desk: Desk) -> None:
    """The same answer that arrives twice is one answer."""
    asked = await desk.tries()
    path = f"/v1/confirmations/{asked.data['confirmation']}"
    body = {"answer": "yes", "mid": "01JD8Z0000000000000000000A"}

    first, second = await desk.owner.post(path, body), await desk.owner.post(path, body)
    malformed = await desk.owner.post(path, {"answer": "maybe"})

    assert (first.http, second.http) == (200, 200)
    assert second.headers["Replayed"] == "1"
    assert (malformed.http, malformed.code) == (400, 4001)
