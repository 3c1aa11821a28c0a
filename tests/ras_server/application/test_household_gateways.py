"""Whose word counts where a member's gateway is one of a household."""

from igrs_codec.bsld.frame import Command, Status
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_sites import invite
from tests.ras_server.application.test_tickets import newest, tickets, use
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock


async def test_two_households(
    owner: Client, ben: Client, home: Gateway, door: Door, clock: MovableClock, *, site: str
) -> None:
    """Whoever counts a gateway as his household's takes it from nobody, and does nothing there."""
    await invite(owner, site, "ben@example.org")
    theirs = Gateway(await ben.gateway())
    assert (await owner.request("PUT", f"{site}/gateways/{theirs.id}")).http == 200
    await home.open(door, "deliver")
    mallory = await owner.another().enter("mallory@example.org")
    other = f"/v1/sites/{(await mallory.post('/v1/sites', {'name': 'Trap'})).data['site_id']}"
    await invite(mallory, other, "ben@example.org")
    before = (await owner.get("/v1/audit")).data["items"]

    put = await mallory.request("PUT", f"{other}/gateways/{theirs.id}")
    within = (await tickets(theirs, door)).data["k_adv"]
    taken = await mallory.request("DELETE", f"{other}/gateways/{theirs.id}")
    clock.move(61)
    await home.open(door, "deliver")

    assert (put.data["gateways"], taken.http) == ([theirs.id], 200)
    assert (await owner.get(site)).data["gateways"] == [theirs.id]
    assert list(within) == list((await tickets(theirs, door)).data["k_adv"]) == ["1"]
    assert use(door, newest(await tickets(theirs, door)), Command.OPERATE, clock()) is Status.OK
    new = [item["entry"] for item in (await owner.get("/v1/audit")).data["items"][len(before) :]]
    assert not [each for each in new if each["action"].startswith("key.")]
    assert not [each for each in new if each["actor"] == f"user:{mallory.user_id}"]


async def test_taken_first(
    owner: Client, ben: Client, home: Gateway, door: Door, *, site: str
) -> None:
    """Nobody keeps a gateway from the household of its member by counting it as his first."""
    assert home
    theirs = Gateway(await ben.gateway())
    mallory = await owner.another().enter("mallory@example.org")
    other = f"/v1/sites/{(await mallory.post('/v1/sites', {'name': 'Trap'})).data['site_id']}"
    await invite(mallory, other, "ben@example.org")
    await mallory.request("PUT", f"{other}/gateways/{theirs.id}")

    await invite(owner, site, "ben@example.org")
    put = await owner.request("PUT", f"{site}/gateways/{theirs.id}")

    assert put.data["gateways"] == [theirs.id], put
    assert list((await tickets(theirs, door)).data["k_adv"]) == ["1"]
