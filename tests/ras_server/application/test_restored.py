"""What was taken away after a backup stays taken away when an owner goes back to it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.ras_server.application.parts import Gateway
from tests.ras_server.application.safe import ANNA, Home
from tests.ras_server.application.test_guests import link
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_sites import HOME, invite, position, put_fence
from tests.ras_server.application.test_tickets import tickets
from tests.ras_server.client import PASSWORD, Client
from tests.ras_server.test_second_factor import TOTP, code_of, finish

BEN = "ben@example.org"


class Household:
    """A home with its site, and Ben, who belongs to it with a gateway of his own."""

    def __init__(self, living: Home, ben: Client, *, site: str, person: str) -> None:
        """Begin with a household whose lock knows everybody."""
        self.living = living
        self.ben = ben
        self.site = site
        self.person = person
        self.theirs: Gateway
        self.credentials: dict[str, str] = {}

    @property
    def owner(self) -> Client:
        """Return the owner, before and after the restore."""
        return self.living.owner

    @property
    def at_the_gateway(self) -> str:
        """Return the path of Ben's gateway in the household."""
        return f"{self.site}/gateways/{self.theirs.id}"

    async def count_gateway(self) -> None:
        """Let Ben's gateway be one of the household."""
        self.theirs = Gateway(await self.ben.gateway())
        rotated = await self.ben.post(f"/v1/gateways/{self.theirs.id}/rotate")
        self.credentials = rotated.data
        put = await self.owner.request("PUT", self.at_the_gateway)
        assert put.data["gateways"] == [self.theirs.id], put

    async def back(self) -> Client:
        """Log Ben in at the server that was restored, and his gateway."""
        ben = self.owner.another()
        await ben.log_in(BEN)
        self.theirs = Gateway(await ben.another().log_in_gateway(self.credentials))
        return ben

    async def tries(self, person: Client, **shown: Any) -> int:
        """Return the code that a person is answered who wants to unlock."""
        async with online(self.living.gateway, self.living.door):
            body = unlock(self.living.safe.clock) | shown
            answer = await operate(person, self.living.door, body)
        self.living.safe.clock.move(61)
        return answer.code


@pytest.fixture
async def household(living: Home) -> Household:
    """Return a household."""
    owner = living.owner
    ben = await owner.another().enter(BEN)
    made = await owner.post("/v1/sites", {"name": "Home"})
    site = f"/v1/sites/{made.data['site_id']}"
    await owner.request("PUT", f"{site}/devices/{living.door.device_id}")
    invited = await invite(owner, site, BEN)
    household = Household(living, ben, site=site, person=invited.data["person_id"])
    await household.count_gateway()
    await living.deliver()
    assert await household.tries(ben) == 0
    return household


@pytest.mark.parametrize(("switched", "code"), [(True, 3001), (False, 0)])
async def test_lockdown(household: Household, *, switched: bool, code: int) -> None:
    """A lockdown that was switched since is as it was switched."""
    rev = (await household.owner.get(household.site)).data["rev"]
    if not switched:
        body = {"rev": rev, "lockdown": True}
        rev = (await household.owner.request("PATCH", household.site, body)).data["rev"]
    await household.living.save()
    body = {"rev": rev, "lockdown": switched}
    assert (await household.owner.request("PATCH", household.site, body)).code == 0

    async with household.living.again():
        await household.living.deliver()
        ben = await household.back()

        assert await household.tries(ben) == code
        assert await household.tries(household.owner) == 0


@pytest.mark.parametrize(("policy", "code"), [("deny", 3004), ("confirm", 3006), ("off", 0)])
async def test_geofence(household: Household, policy: str, code: int) -> None:
    """A fence that was set since keeps its policy; nobody is inside until it is set anew."""
    if policy == "off":
        await put_fence(household.owner, household.site, "deny")
    await household.living.save()
    assert (await put_fence(household.owner, household.site, policy)).code == 0

    async with household.living.again():
        await household.living.deliver()
        ben, clock = await household.back(), household.living.safe.clock
        inside = await household.tries(ben, position=position(clock))
        nowhere = await household.tries(ben, position=position(clock, lat=0, lon=0, accuracy_m=0))
        await household.owner.log_in(ANNA)
        await put_fence(household.owner, household.site, "deny", **HOME)
        again = await household.tries(ben, position=position(clock))

    assert (inside, nowhere, again) == (code, code, 0)


async def take_device(household: Household) -> None:
    """Take the lock out of the site."""
    device_id = household.living.door.device_id
    path = f"{household.site}/devices/{device_id}"
    assert (await household.owner.request("DELETE", path)).code == 0


async def put_elsewhere(household: Household) -> None:
    """Put the lock into another site."""
    made = await household.owner.post("/v1/sites", {"name": "Lake house"})
    path = f"/v1/sites/{made.data['site_id']}/devices/{household.living.door.device_id}"
    assert (await household.owner.request("PUT", path)).code == 0


async def dismiss(household: Household) -> None:
    """Let Ben leave."""
    path = f"{household.site}/people/{household.person}"
    assert (await household.owner.request("DELETE", path)).code == 0


async def dissolve(household: Household) -> None:
    """Dissolve the household."""
    assert (await household.owner.request("DELETE", household.site)).code == 0


@pytest.mark.parametrize("change", [take_device, put_elsewhere, dismiss, dissolve])
async def test_no_longer_of_the_household(
    household: Household, change: Callable[[Household], Awaitable[None]]
) -> None:
    """Who lost a lock with its household has not got it back, nor has his gateway its keys."""
    await household.living.save()
    await change(household)

    async with household.living.again():
        await household.living.deliver()
        ben = await household.back()
        asked = await tickets(household.theirs, household.living.door)
        site = await household.owner.get(household.site)

        assert await household.tries(ben) == 3003
        assert asked.code == 3003
        if site.code == 0:
            people = [each["person_id"] for each in site.data["people"]]
            devices = site.data["devices"]
            assert not people or not devices
        assert await household.living.opens()


async def test_gateway_no_longer_of_the_household(household: Household) -> None:
    """A gateway that was taken from the household gets no K_adv, and the one it knows ends."""
    assert (await tickets(household.theirs, household.living.door)).data["k_adv"]
    await household.living.save()
    assert (await household.owner.request("DELETE", household.at_the_gateway)).code == 0
    generation = household.living.door.lock.show()["generation"]

    async with household.living.again():
        await household.back()
        await household.living.deliver(8)
        asked = await tickets(household.theirs, household.living.door)

        assert household.living.door.lock.show()["generation"] != generation
        assert (asked.code, asked.data["k_adv"]) == (0, {})
        assert asked.data["tickets"]
        assert await household.living.opens()


async def test_gateway_of_another_household(household: Household) -> None:
    """A gateway that counts for another household of the owner since leaves the old one again."""
    await household.living.save()
    made = await household.owner.post("/v1/sites", {"name": "Lake house"})
    site = f"/v1/sites/{made.data['site_id']}"
    await invite(household.owner, site, BEN)
    put = await household.owner.request("PUT", f"{site}/gateways/{household.theirs.id}")
    assert put.code == 0

    async with household.living.again():
        await household.living.deliver()
        await household.back()
        asked = await tickets(household.theirs, household.living.door)

    assert asked.data["k_adv"] == {}


async def test_gateway_of_somebody_elses_household_too(household: Household) -> None:
    """A gateway that another household left since still belongs to this one."""
    carla = await household.owner.another().enter("carla@example.org")
    made = await carla.post("/v1/sites", {"name": "Neighbours"})
    theirs = f"/v1/sites/{made.data['site_id']}"
    await invite(carla, theirs, BEN)
    there = f"{theirs}/gateways/{household.theirs.id}"
    await household.living.save()
    assert (await carla.request("PUT", there)).code == 0
    assert (await carla.request("DELETE", there)).code == 0

    async with household.living.again():
        await household.living.deliver()
        await household.back()
        asked = await tickets(household.theirs, household.living.door)

    assert asked.data["k_adv"]


async def test_manager(living: Home) -> None:
    """A gateway that may manage access no more does not get that back."""
    path = f"/v1/gateways/{living.gateway.id}/manager"
    assert (await living.owner.request("PUT", path)).code == 0
    await living.save()
    assert (await living.owner.request("DELETE", path)).code == 0

    async with living.again():
        shown = await living.owner.get(f"/v1/gateways/{living.gateway.id}")

    assert shown.data["manages"] is False


@pytest.mark.parametrize("lost", [True, False])
async def test_lost(living: Home, *, lost: bool) -> None:
    """A lock that was lost since is lost; one that was found since is not."""
    path = f"/v1/devices/{living.door.device_id}/lost"
    if not lost:
        await living.owner.request("PUT", path)
    await living.save()
    changed = await living.owner.request("PUT" if lost else "DELETE", path)
    assert changed.code == 0

    async with living.again():
        shown = await living.owner.get(f"/v1/devices/{living.door.device_id}")
        await living.deliver()

        assert (shown.data["lost"] is not None) is lost
        assert await living.opens() is not lost


async def test_rekey_that_was_wanted(living: Home) -> None:
    """A re-key that was asked for since is done, also if nobody had done it."""
    await living.save()
    path = f"/v1/devices/{living.door.device_id}/rekey"
    assert (await living.owner.post(path, {"reason": "compromise"})).http == 202

    async with living.again():
        await living.deliver(8)

        assert living.door.lock.show()["generation"] == 2
        assert await living.opens()


async def test_row_with_fewer_rights(living: Home) -> None:
    """A row of the lock that was given fewer rights since, or deleted, is so again."""
    ben = await living.owner.another().enter(BEN)
    given = await grant(living.owner, living.door, BEN)
    assert ben
    path = f"/v1/devices/{living.door.device_id}/users"
    rows = (await living.owner.get(path)).data["items"]
    uid = next(row["uid"] for row in rows if row["rights"] == given.data["rights"])
    await living.deliver()
    await living.save()
    body = {"rights": ["lock"], "not_before": None}
    changed = await living.owner.request("PUT", f"{path}/{uid}", body)
    assert changed.http == 202, changed

    async with living.again():
        row = await living.owner.get(f"{path}/{uid}")

    assert (row.data["rights"], row.data["synced"]) == (["lock"], False)


async def test_uses(living: Home) -> None:
    """A grant for so many uses has none left: nobody knows how many were spent since."""
    ben = await living.owner.another().enter(BEN)
    await grant(living.owner, living.door, BEN, uses={"max": 1})
    await living.deliver()
    await living.save()
    async with online(living.gateway, living.door):
        used = await operate(ben, living.door, unlock(living.safe.clock))
    living.safe.clock.move(61)

    async with living.again():
        await living.deliver()
        back = living.owner.another()
        await back.log_in(BEN)
        async with online(living.gateway, living.door):
            again = await operate(back, living.door, unlock(living.safe.clock))

    assert (used.code, again.code) == (0, 3005)


async def test_row_that_links_share(living: Home) -> None:
    """A link goes on that shared its row with one that was ended since; with both the row ends."""
    owner, door = living.owner, living.door
    links = [await link(owner, door) for _ in range(64)]
    *others, (guest, given) = links
    await living.save()
    for _, each in others:
        await owner.request("DELETE", f"/v1/grants/{each['grant_id']}")

    async with living.again():
        await living.deliver(8)
        shared = await living.owner.get(f"/v1/devices/{door.device_id}/users")
        guest.url = living.owner.url
        async with online(living.gateway, door):
            body = unlock(living.safe.clock) | {"device_id": door.device_id}
            opened = await guest.post("/v1/guest/operate", body)
        await living.owner.log_in(ANNA)
        gone = await living.owner.request("DELETE", f"/v1/grants/{given['grant_id']}")
    async with living.again():
        await living.deliver(8)
        rows = await living.owner.get(f"/v1/devices/{door.device_id}/users")

    assert (opened.code, gone.code) == (0, 0)
    assert [len(each.data["items"]) for each in (shared, rows)] == [2, 1]


async def test_offer(living: Home) -> None:
    """An offer that was withdrawn since cannot be accepted."""
    ben = await living.owner.another().enter(BEN)
    account = {"type": "email", "value": BEN}
    path = f"/v1/devices/{living.door.device_id}/transfer"
    offered = await living.owner.post(path, {"account": account})
    await living.save()
    transfer = f"/v1/transfers/{offered.data['transfer_id']}"
    assert (await living.owner.request("DELETE", transfer)).code == 0

    async with living.again():
        back = living.owner.another()
        await back.log_in(BEN)

        assert ben.user_id == back.user_id
        assert (await back.post(f"{transfer}/accept")).code == 4005
        assert (await living.owner.get("/v1/devices")).data["items"]


async def test_handed_over_with_its_household(household: Household) -> None:
    """A lock that was handed over since is in no household of the owner before."""
    carla = await household.owner.another().enter("carla@example.org")
    living = household.living
    await living.save()
    account = {"type": "email", "value": "carla@example.org"}
    path = f"/v1/devices/{living.door.device_id}/transfer"
    offered = await household.owner.post(path, {"account": account})
    taken = await carla.post(f"/v1/transfers/{offered.data['transfer_id']}/accept")
    assert taken.code == 0, taken

    async with living.again():
        await household.back()
        asked = await tickets(household.theirs, living.door)
        site = await household.owner.get(household.site)

    assert asked.code == 3003
    assert site.data["devices"] == []


async def test_recovery_codes(living: Home) -> None:
    """Recovery codes that were exchanged since are gone; the app is still asked for."""
    clock = living.safe.clock
    given = (await living.owner.post(TOTP)).data
    await living.owner.post(f"{TOTP}/confirm", {"code": code_of(given["secret"], clock)})
    await living.save()
    await living.owner.post(f"{TOTP}/recovery-codes")
    clock.move(31)  # a code of the app works once
    await living.safe.restore()
    async with living.safe.serving() as client:
        _, proved = await client.prove(ANNA, PASSWORD)
        old = await finish(client, "recovery", given["recovery_codes"][0])
        app = await finish(client, "totp", code_of(given["secret"], clock))

    assert proved.data["methods"] == ["totp"]
    assert (old.code, app.code) == (4001, 0)
