"""Households and the finer limits of access."""

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import online
from tests.ras_server.client import Client
from tests.ras_server.console.reader import Reader

BORIS = "boris@example.org"
PEOPLE = "/console/people"


@pytest.fixture
async def site(anna: Reader, owner: Client) -> str:
    """Return the page of a household."""
    await anna.get(PEOPLE)
    shown = await anna.send(PEOPLE, name="Lake house")
    assert "Lake house" in shown.text
    (made,) = (await owner.get("/v1/sites")).data["items"]
    return f"{PEOPLE}/{made['site_id']}"


async def test_household(anna: Reader, owner: Client, door: Door, site: str, path: str) -> None:
    """A member who is taken in may use every lock of the household, until he is dismissed."""
    await anna.get(site)
    await anna.send(f"/{door.device_id}/put")
    shown = await anna.send("/people", account=BORIS, role="member")

    assert "Taken in." in shown.text
    assert BORIS in shown.text
    (grant,) = (await owner.get(f"/v1/devices/{door.device_id}/grants")).data["items"]
    assert "log" in grant["rights"]
    assert "by the household" in (await anna.get(path)).text

    await anna.get(site)
    shown = await anna.send("/dismiss")

    assert BORIS not in shown.text
    (grant,) = (await owner.get(f"/v1/devices/{door.device_id}/grants")).data["items"]
    assert grant["revoked"] is not None


async def test_lock_of_a_household(anna: Reader, door: Door, site: str, path: str) -> None:
    """A lock joins a household and leaves it."""
    await anna.get(site)
    shown = await anna.send(f"/{door.device_id}/put")
    assert f'href="{path}"' in shown.markup

    shown = await anna.send(f"/{door.device_id}/take")
    assert "Add Front door" in shown.text


async def test_settings_of_a_household(anna: Reader, owner: Client, site: str) -> None:
    """Its owner renames it, locks it down, says where it is, and dissolves it."""
    api = f"/v1/sites/{site.rpartition('/')[2]}"
    await anna.get(site)
    await anna.send("/name", name="Mountain hut")
    await anna.send("/lockdown", lockdown="on")
    assert "Locked down" in anna.shown.text
    await anna.send("/place", lat="47,5", lon="11.25", radius_m="300", policy="confirm")

    found = (await owner.get(api)).data
    assert (found["name"], found["lockdown"]) == ("Mountain hut", True)
    assert found["geofence"]["lat"] == 47.5
    assert (await anna.send("/place", lat="north", policy="deny")).http == 400
    await anna.get(site)
    assert (await anna.send("/remove")).path.startswith(f"{PEOPLE}?")
    assert (await owner.get(api)).http == 404


async def test_household_of_somebody_else(anna: Reader, client: Client, site: str) -> None:
    """A household is shown to its owner only."""
    await client.another().register(BORIS)
    boris = Reader(str(anna.url), anna.outbox)
    async with boris.session:
        await boris.log_in(BORIS)
        shown = await boris.get(site)

    assert shown.http == 404
    assert "Lake house" not in shown.text


async def test_limits(anna: Reader, owner: Client, door: Door, path: str) -> None:
    """Every limit of the form is one of the grant, and told in the list."""
    await anna.get("/console/account")
    await anna.send("/zone", zone="Europe/Berlin")
    await anna.get(path)

    limits: dict[str, str | list[str]] = {
        "weekday": ["1", "5"],
        "opens": "08:00",
        "closes": "17:30",
        "uses": "3",
        "pin": "4711",
        "policy": "deny",
        "notify": "yes",
    }
    shown = await anna.send("/grants", account=BORIS, right="unlock", **limits)

    (grant,) = (await owner.get(f"/v1/devices/{door.device_id}/grants")).data["items"]
    assert grant["valid"]["weekdays"] == [1, 5]
    assert grant["valid"]["times"] == [["08:00", "17:30"]]
    assert grant["uses"] == {"max": 3, "spent": 0}
    assert (grant["pin"], grant["geofence"], grant["notify"]) == (True, {"policy": "deny"}, True)
    told = "Mon Fri 08:00-17:30 (Europe/Berlin), 0 of 3 uses, with a PIN, opens only near"
    assert told in shown.text
    assert "4711" not in shown.markup


async def test_pin(anna: Reader, client: Client, home: Gateway, door: Door, path: str) -> None:
    """Who needs a PIN is asked for it, and asked again when it was wrong."""
    await anna.get(path)
    await anna.send("/grants", account=BORIS, right=["unlock", "lock"], pin="4711")
    await client.another().register(BORIS)
    boris = Reader(str(anna.url), anna.outbox)
    async with boris.session, online(home, door):
        await home.open(door, "deliver")
        await boris.log_in(BORIS)
        await boris.get(path)

        await boris.send("/operate", cmd="unlock")
        assert "needs a confirmation or a PIN" in boris.shown.text
        await boris.send("/operate", cmd="unlock", pin="1234")
        assert "The PIN is wrong." in boris.shown.text
        assert door.lock.show()["bolt"] == "locked"
        shown = await boris.send("/operate", cmd="unlock", pin="4711")

    assert "The door is unlocked." in shown.text


async def test_confirmation(
    anna: Reader, client: Client, home: Gateway, door: Door, site: str
) -> None:
    """Who is not near is asked whether he means it."""
    await anna.get(site)
    await anna.send(f"/{door.device_id}/put")
    await anna.send("/people", account=BORIS, role="guest")
    await anna.send("/place", lat="47.5", lon="11.25", policy="confirm")
    await client.another().register(BORIS)
    boris = Reader(str(anna.url), anna.outbox)
    async with boris.session, online(home, door):
        await home.open(door, "deliver")
        await boris.log_in(BORIS)
        await boris.get(f"/console/locks/{door.device_id}")

        await boris.send("/operate", cmd="unlock")
        assert "all the same?" in boris.shown.text
        shown = await boris.send("/operate", cmd="unlock")

    assert "The door is unlocked." in shown.text
