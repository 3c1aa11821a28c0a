"""A second person over HTTP: who is asked, who answers, and what a yes opens."""

from tests.ras_server.application.desk import BEN, CLEO, Desk
from tests.ras_server.application.parts import Gateway
from tests.ras_server.application.test_grants import told
from tests.ras_server.application.test_guests import link
from tests.ras_server.application.test_operations import grant, online, unlock
from tests.ras_server.application.test_sites import invite
from tests.ras_server.client import Client
from tests.ras_server.sockets import started


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


async def test_chosen_name(desk: Desk, cleo: Client) -> None:
    """Whatever name Ben gives himself, the owner sees whom the grant names, and nobody else does.

    The audit notes that he has another name.
    """
    await grant(desk.owner, desk.door, CLEO)
    named = await desk.ben.request(
        "PATCH", "/v1/users/me", {"rev": 1, "display_name": "Anna's mother"}
    )

    await desk.tries()
    (owner,) = (await desk.owner.get("/v1/confirmations")).data["items"]
    (other,) = (await cleo.get("/v1/confirmations")).data["items"]

    assert named.code == 0
    assert owner["user"] == other["user"] == "Anna's mother"
    assert owner["subject"] == {"kind": "account", "account": {"type": "email", "value": BEN}}
    assert other["subject"] is None
    entries = [item["entry"] for item in (await desk.ben.get("/v1/audit")).data["items"]]
    (renamed,) = [each for each in entries if each["action"] == "user.rename"]
    assert renamed["actor"] == renamed["object"] == f"user:{desk.ben.user_id}"
    assert "mother" not in str(renamed)


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


async def test_through_the_home(desk: Desk) -> None:
    """A gateway that asks for Ben is answered like Ben, and opens after the yes."""
    person = {"person": desk.ben.user_id}
    async with online(desk.home, desk.door):
        confirmation = await desk.agreed(desk.home.client, **person)
        opened = await desk.tries(desk.home.client, **person)

    assert confirmation
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
