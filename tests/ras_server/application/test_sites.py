"""Households and their homes: people, locks, lockdown, geofence, gateways."""

from typing import Any

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.frame import Command, Status
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import online, operate, unlock
from tests.ras_server.application.test_records import record, upload
from tests.ras_server.application.test_tickets import deliver, newest, tickets, use
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock

HOME = {"lat": 52.5163, "lon": 13.3777}


async def invite(owner: Client, site: str, account: str, role: str = "member") -> Answer:
    """Take a person into a household."""
    named = {"kind": "account", "account": {"type": "email", "value": account}}
    return await owner.post(f"{site}/people", {"subject": named, "role": role})


async def put_fence(owner: Client, site: str, policy: str, **fields: Any) -> Answer:
    """Set the geofence of a site."""
    body = HOME | {"radius_m": 100, "policy": policy} | fields
    return await owner.request("PUT", f"{site}/geofence", body)


def position(clock: MovableClock, **fields: Any) -> dict[str, Any]:
    """Return a position at home."""
    return HOME | {"accuracy_m": 10, "at": int(clock())} | fields


@pytest.mark.parametrize(
    ("role", "opens", "reads"),
    [pytest.param("member", 200, 200, id="member"), pytest.param("guest", 403, 403, id="guest")],
)
async def test_roles(
    owner: Client,
    ben: Client,
    home: Gateway,
    door: Door,
    clock: MovableClock,
    *,
    site: str,
    role: str,
    opens: int,
    reads: int,
) -> None:
    """A member uses a lock and reads its log, a guest locks and unlocks, neither owns it."""
    invited = await invite(owner, site, "ben@example.org", role)

    async with online(home, door):
        unlocked = await operate(ben, door, unlock(clock))
        opened = await operate(ben, door, unlock(clock, "open"))
    log = await ben.get(f"/v1/devices/{door.device_id}/log")
    granted = await ben.get(f"/v1/devices/{door.device_id}/grants")

    assert invited.http == 201, invited
    assert unlocked.http == 200, unlocked
    assert opened.http == opens
    assert log.http == reads
    assert granted.code == 3001
    people = {
        each["user_id"]: each["role"] for each in (await owner.get("/v1/people")).data["items"]
    }
    assert people == {owner.user_id: "owner", ben.user_id: role}


async def test_dismissal(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock, *, site: str
) -> None:
    """Who leaves a household loses all its locks, and his tickets with the next delivery."""
    invited = await invite(owner, site, "ben@example.org")
    theirs = Gateway(await ben.gateway())
    ticket = newest(await tickets(theirs, door))
    await deliver(home, door)
    assert use(door, ticket, Command.OPERATE, clock()) is Status.OK

    person = invited.data["person_id"]
    dismissed = await owner.request("DELETE", f"{site}/people/{person}")
    again = await owner.request("DELETE", f"{site}/people/{person}")
    await deliver(home, door)

    assert (dismissed.http, again.code) == (200, 4005)
    assert (await operate(ben, door, unlock(clock))).code == 3003
    assert use(door, ticket, Command.OPERATE, clock()) is None


async def test_lock_joins_and_leaves(
    owner: Client, ben: Client, door: Door, clock: MovableClock, *, site: str
) -> None:
    """A lock that joins a site is open to its household, and shut when it leaves."""
    path = f"{site}/devices/{door.device_id}"
    await owner.request("DELETE", path)
    await invite(owner, site, "ben@example.org")
    before = await operate(ben, door, unlock(clock))

    await owner.request("PUT", path)
    within = await operate(ben, door, unlock(clock))
    left = await owner.request("DELETE", path)
    after = await operate(ben, door, unlock(clock))
    twice = await owner.request("DELETE", path)

    assert [before.code, within.code, left.code, after.code] == [2001, 2005, 0, 3003]
    assert twice.code == 4005


async def test_dissolved(
    owner: Client, ben: Client, door: Door, clock: MovableClock, *, site: str
) -> None:
    """A site that is dissolved leaves the owner his lock, and nobody else anything."""
    await invite(owner, site, "ben@example.org")

    removed = await owner.request("DELETE", site)

    assert removed.http == 200, removed
    assert (await operate(ben, door, unlock(clock))).code == 3003
    assert (await operate(owner, door, unlock(clock))).code == 2005
    assert (await owner.get("/v1/sites")).data["items"] == []


async def test_nobody_twice(owner: Client, site: str) -> None:
    """A person is in a household once."""
    await invite(owner, site, "ben@example.org")

    assert (await invite(owner, site, "ben@example.org", "guest")).code == 1002


async def test_strangers_site(owner: Client, ben: Client, door: Door, site: str) -> None:
    """A site is its owner's: nobody else sees or changes it, not even a member."""
    await invite(owner, site, "ben@example.org")

    answers = [
        await ben.get(site),
        await ben.request("PATCH", site, {"rev": 1, "lockdown": False}),
        await ben.request("DELETE", site),
        await ben.request("PUT", f"{site}/geofence", HOME | {"radius_m": 50, "policy": "off"}),
        await ben.request("PUT", f"{site}/devices/{door.device_id}"),
        await invite(ben, site, "carl@example.org"),
    ]

    assert {each.code for each in answers} == {4005}
    mine = await ben.post("/v1/sites", {"name": "Trap"})
    stolen = await ben.request("PUT", f"/v1/sites/{mine.data['site_id']}/devices/{door.device_id}")
    assert stolen.code == 3001


async def test_lockdown(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock, *, site: str
) -> None:
    """In a lockdown only the owner gets in; tickets of before end, locking goes on."""
    await invite(owner, site, "ben@example.org")
    theirs = Gateway(await ben.gateway())
    ticket = newest(await tickets(theirs, door))
    await deliver(home, door)

    rev = (await owner.get(site)).data["rev"]
    changed = await owner.request("PATCH", site, {"rev": rev, "lockdown": True})
    stale = await owner.request("PATCH", site, {"rev": rev, "lockdown": False})
    await deliver(home, door)
    limited = await tickets(theirs, door)
    async with online(home, door):
        refused = await operate(ben, door, unlock(clock))
        locked = await operate(ben, door, {"cmd": "lock"})
        owners = await operate(owner, door, unlock(clock))

    assert (changed.data["lockdown"], stale.code) == (True, 4007)
    assert (refused.http, refused.code) == (403, 3001)
    assert (locked.http, owners.http) == (200, 200)
    assert use(door, ticket, Command.OPERATE, clock()) is None
    assert limited.data["tickets"][0]["rights"] == ["lock", "log"]


async def test_geofence(
    owner: Client, home: Gateway, door: Door, clock: MovableClock, *, site: str
) -> None:
    """Unlocking needs a position inside, fresh and exact; locking never does; nothing is kept."""
    clock.stop()
    await put_fence(owner, site, "deny")
    here = position(clock)

    async with online(home, door):
        unknown = await operate(owner, door, unlock(clock))
        away = await operate(owner, door, unlock(clock) | {"position": here | {"lat": 52.6}})
        there = await operate(owner, door, unlock(clock) | {"position": here})
        locked = await operate(owner, door, {"cmd": "lock"})
        clock.move(121)
        stale = await operate(owner, door, unlock(clock))
        put = await owner.request("PUT", "/v1/users/me/position", {"position": position(clock)})
        known = await operate(owner, door, unlock(clock))

    assert [each.code for each in (unknown, away, there, locked)] == [3004, 3004, 0, 0]
    assert (stale.code, put.code, known.code) == (3004, 0, 0)
    entries = [item["entry"] for item in (await owner.get("/v1/audit")).data["items"]]
    places = [each["detail"].get("place") for each in entries if each["action"] == "access.unlock"]
    assert places == [None, "outside", "inside", None, "inside"]
    assert "52.6" not in str(entries)


async def test_confirmation(
    owner: Client, home: Gateway, door: Door, clock: MovableClock, *, site: str
) -> None:
    """Away from home an unlock is asked again; the answer holds once, for this, for a minute."""
    clock.stop()
    await put_fence(owner, site, "confirm")

    async with online(home, door):
        asked = await operate(owner, door, unlock(clock))
        shown = {"confirm": asked.data["confirmation"]}
        confirmed = await operate(owner, door, unlock(clock) | shown)
        used = await operate(owner, door, unlock(clock) | shown)
        other = {"confirm": used.data["confirmation"]}
        another = await operate(owner, door, unlock(clock, "open") | other)
        late = {"confirm": another.data["confirmation"]}
        clock.move(60)
        expired = await operate(owner, door, unlock(clock, "open") | late)

    assert (asked.http, asked.code, asked.data["needs"]) == (403, 3006, "confirm")
    assert confirmed.http == 200, confirmed
    assert [used.code, another.code, expired.code] == [3006, 3006, 3006]


async def test_fence_ends_tickets(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock, *, site: str
) -> None:
    """A geofence ends the tickets of people on the way; the home itself keeps working offline."""
    await invite(owner, site, "ben@example.org")
    theirs = Gateway(await ben.gateway())
    ticket = newest(await tickets(theirs, door))
    await deliver(home, door)

    await put_fence(owner, site, "deny")
    await deliver(home, door)

    assert use(door, ticket, Command.OPERATE, clock()) is None
    assert (await tickets(theirs, door)).code == 3001
    assert use(door, newest(await tickets(home, door)), Command.OPERATE, clock()) is Status.OK


async def test_gateway_of_a_member(
    owner: Client, ben: Client, client: Client, door: Door, clock: MovableClock, *, site: str
) -> None:
    """A member's gateway becomes one of the household by the owner's word only."""
    invited = await invite(owner, site, "ben@example.org")
    theirs = Gateway(await ben.gateway())
    stranger = await client.another().enter("carl@example.org")
    foreign = Gateway(await stranger.gateway())
    before = await tickets(theirs, door)
    await theirs.see(door)

    path = f"{site}/gateways"
    refused = await owner.request("PUT", f"{path}/{foreign.id}")
    by_ben = await ben.request("PUT", f"{path}/{theirs.id}")
    put = await owner.request("PUT", f"{path}/{theirs.id}")
    within = await tickets(theirs, door)
    await theirs.see(door)
    uploaded = await upload(theirs, door, record(1))
    async with online(theirs, door):
        operated = await operate(owner, door, unlock(clock))
    await owner.request("DELETE", f"{site}/people/{invited.data['person_id']}")

    assert (before.data["k_adv"], list(within.data["k_adv"])) == ({}, ["1"])
    assert (refused.code, by_ben.code, put.data["gateways"]) == (4005, 4005, [theirs.id])
    assert (uploaded.http, operated.http) == (200, 200)
    assert (await owner.get(site)).data["gateways"] == []
    assert (await upload(theirs, door, record(2))).code == 3003
    entries = [item["entry"] for item in (await owner.get("/v1/audit")).data["items"]]
    reasons = [each["detail"]["reason"] for each in entries if each["action"] == "key.rekey"]
    assert reasons == ["gateway_removed"]


@pytest.mark.parametrize("end", ["the site", "the lock", "to another home", "the grant"])
async def test_end_of_a_household_gateway(
    owner: Client,
    ben: Client,
    home: Gateway,
    door: Door,
    clock: MovableClock,
    *,
    site: str,
    end: str,
) -> None:
    """A gateway that is of the household no more keeps no ticket and no key that works."""
    await invite(owner, site, "ben@example.org")
    theirs = Gateway(await ben.gateway())
    await owner.request("PUT", f"{site}/gateways/{theirs.id}")
    await deliver(home, door)
    held = newest(await tickets(theirs, door, person=owner.user_id))
    assert use(door, held, Command.OPERATE, clock()) is Status.OK

    other = f"/v1/sites/{(await owner.post('/v1/sites', {'name': 'Cabin'})).data['site_id']}"
    await invite(owner, other, "ben@example.org")
    grants = await owner.get(f"/v1/devices/{door.device_id}/grants")
    method, path = {
        "the grant": ("DELETE", f"/v1/grants/{grants.data['items'][0]['grant_id']}"),
        "the site": ("DELETE", site),
        "the lock": ("DELETE", f"{site}/devices/{door.device_id}"),
        "to another home": ("PUT", f"{other}/gateways/{theirs.id}"),
    }[end]
    ended = await owner.request(method, path)

    assert ended.http == 200, ended
    clock.move(61)
    await home.open(door, "deliver")
    assert use(door, held, Command.OPERATE, clock()) is None
    assert door.lock.show()["generation"] == 2
    assert (await tickets(theirs, door, person=owner.user_id)).code == 3001


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"radius_m": 49}, id="too small"),
        pytest.param({"radius_m": 5001}, id="too large"),
        pytest.param({"lat": 91}, id="no latitude"),
        pytest.param({"lon": "13"}, id="text"),
        pytest.param({"lat": True}, id="a boolean"),
        pytest.param({"policy": "maybe"}, id="policy"),
    ],
)
async def test_no_fence(owner: Client, site: str, fields: dict[str, Any]) -> None:
    """A fence that makes no sense is refused, with the place of the mistake."""
    answer = await put_fence(owner, site, **{"policy": "deny"} | fields)

    assert (answer.http, answer.code) == (400, 4001)
    assert answer.data["errors"][0]["pointer"] == f"/{next(iter(fields))}"


async def test_lists(owner: Client, site: str) -> None:
    """Sites are listed, shown and renamed."""
    second = await owner.post("/v1/sites", {"name": "Office"})
    renamed = await owner.request(
        "PATCH", f"/v1/sites/{second.data['site_id']}", {"rev": 1, "name": "Shop"}
    )

    listed = await owner.get("/v1/sites")

    assert {each["name"] for each in listed.data["items"]} == {"Home", "Shop"}
    assert renamed.data["rev"] == 2
    assert (await owner.get(site)).data["name"] == "Home"


async def test_lock_without_room(
    owner: Client, home: Gateway, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock with too few rows joins no household, and nobody of it is left in its rows."""
    assert home
    made = await owner.post("/v1/sites", {"name": "Home"})
    site = f"/v1/sites/{made.data['site_id']}"
    for name in ("ben", "carl", "dora"):
        await invite(owner, site, f"{name}@example.org")
    path = f"/v1/devices/{door.device_id}"
    monkeypatch.setattr(admin, "ROWS", 3)

    refused = await owner.request("PUT", f"{site}/devices/{door.device_id}")

    assert refused.code == 2013
    assert (await owner.get(f"{path}/grants")).data["items"] == []
    rows = (await owner.get(f"{path}/users")).data["items"]
    assert [row["user_id"] for row in rows] == [owner.user_id]
    monkeypatch.setattr(admin, "ROWS", 64)
    joined = await owner.request("PUT", f"{site}/devices/{door.device_id}")
    assert joined.http == 200
    assert len((await owner.get(f"{path}/users")).data["items"]) == 4
