"""The pages about locks do what the API does, and nothing beside it."""

from dataclasses import replace
from datetime import UTC, datetime

from aiohttp import web
import pytest

from ras_server.keys import DATABASE
from ras_server.paging import MAXIMUM_LIMIT
from ras_server.store import grants
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import online
from tests.ras_server.client import ANNA, PASSWORD, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.console.reader import Reader

BORIS = "boris@example.org"


async def test_list(anna: Reader, path: str) -> None:
    """The first page shows the locks of the visitor and leads to each."""
    shown = await anna.get("/console/")

    assert "Front door" in shown.text
    assert f'href="{path}"' in shown.markup


async def test_nothing_yet(reader: Reader, client: Client) -> None:
    """Who has no lock reads how to get one."""
    await client.register(ANNA)

    shown = await reader.log_in(ANNA)

    assert "You have no locks yet." in shown.text


async def test_rename(anna: Reader, owner: Client, door: Door, path: str) -> None:
    """The owner gives a new name."""
    await anna.get(path)

    shown = await anna.send("/name", name=" Back door ")

    assert (shown.http, shown.path) == (200, f"{path}?done=renamed")
    assert "The new name is saved." in shown.text
    assert (await owner.get(f"/v1/devices/{door.device_id}")).data["name"] == "Back door"


async def test_renamed_meanwhile(anna: Reader, owner: Client, door: Door, path: str) -> None:
    """Who has seen an old state is told so, and changes nothing."""
    await anna.get(path)
    device = f"/v1/devices/{door.device_id}"
    rev = (await owner.get(device)).data["rev"]
    await owner.request("PATCH", device, {"name": "Cellar", "rev": rev})

    shown = await anna.send("/name", name="Attic")

    assert shown.http == 412
    assert "Somebody changed it meanwhile." in shown.text
    assert shown.form("/name").value("name") == "Cellar"


async def test_operate(anna: Reader, home: Gateway, door: Door, path: str) -> None:
    """A click moves the bolt, by the same decision and the same way as every operation."""
    async with online(home, door):
        await anna.get(path)
        shown = await anna.send("/operate", cmd="unlock")

    assert "The door is unlocked." in shown.text
    assert door.lock.show()["bolt"] == "unlocked"


async def test_no_gateway(anna: Reader, path: str) -> None:
    """What hinders an operation is told in words."""
    await anna.get(path)

    shown = await anna.send("/operate", cmd="unlock")

    assert shown.http == 503
    assert "No gateway is near the lock." in shown.text


async def test_command_of_nobodys_form(anna: Reader, path: str) -> None:
    """A command that no page offers is refused by the validators of the API."""
    await anna.get(path)

    shown = await anna.send("/operate", cmd="wipe")

    assert shown.http == 400
    assert "cmd:" in shown.text


async def test_grant_and_revoke(anna: Reader, owner: Client, door: Door, path: str) -> None:
    """The owner lets somebody in for a time, and ends it."""
    await anna.get("/console/account")
    await anna.send("/zone", zone="Europe/Berlin")
    await anna.get(path)

    shown = await anna.send(
        "/grants", account=BORIS, right=["unlock", "log"], until="2030-07-01T12:00"
    )

    assert "Access is granted." in shown.text
    assert BORIS in shown.text
    (grant,) = (await owner.get(f"/v1/devices/{door.device_id}/grants")).data["items"]
    assert grant["rights"] == ["unlock", "log"]
    noon = datetime(2030, 7, 1, 10, tzinfo=UTC)  # in Berlin
    assert grant["valid"] == grant["valid"] | {"from": None, "until": int(noon.timestamp())}
    assert "2030-07-01 12:00" in shown.text

    shown = await anna.send(f"/{grant['grant_id']}/revoke")

    assert "Access has ended." in shown.text
    assert BORIS not in shown.text
    assert (await owner.get(f"/v1/grants/{grant['grant_id']}")).data["revoked"] is not None


async def test_long_past(anna: Reader, app: web.Application, door: Door, path: str) -> None:
    """However many grants there were, the owner sees the newest and can end it."""
    await anna.get(path)
    await anna.send("/grants", account=BORIS, right=["unlock"])
    (model,) = grants.live_of_device(app[DATABASE], door.device_id, 0)
    with app[DATABASE].write():
        for number in range(MAXIMUM_LIMIT):
            ended = replace(model, grant_id=f"gr-{number}", created=1, revoked=model.created + 9)
            grants.add(app[DATABASE], ended)

    shown = await anna.get(path)

    assert BORIS in shown.text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"account": "boris"}, "neither a phone number", id="account"),
        pytest.param({"until": "2001-01-01T00:00"}, "valid until", id="past"),
        pytest.param({"until": "tomorrow"}, "until: not a date and a time", id="no time"),
        pytest.param({"right": []}, "rights", id="no right"),
    ],
)
async def test_wrong_grant(
    anna: Reader, path: str, fields: dict[str, str | list[str]], told: str
) -> None:
    """A grant that cannot be is explained, and what was typed is still there."""
    await anna.get(path)

    asked: dict[str, str | list[str]] = {"account": BORIS, "right": ["lock"], **fields}
    shown = await anna.send("/grants", **asked)

    assert shown.http == 400
    assert told in shown.text
    assert shown.form("/grants").value("account") == asked["account"]
    assert "Nobody but you." in shown.text


async def test_old_login(
    anna: Reader, owner: Client, door: Door, path: str, clock: MovableClock
) -> None:
    """What needs a fresh login asks for one, and comes back to the page of the lock."""
    clock.move(301)
    await anna.get(path)

    shown = await anna.send("/grants", account=BORIS, right=["lock"])
    assert (shown.http, "at most five minutes old" in shown.text) == (200, True)
    await anna.send("/login", account=ANNA, password=PASSWORD)
    shown = await anna.send("/code", code=anna.outbox.code(ANNA))

    assert shown.path == path
    await owner.log_in(ANNA)
    assert not (await owner.get(f"/v1/devices/{door.device_id}/grants")).data["items"]


async def test_guest(anna: Reader, client: Client, path: str) -> None:
    """A guest sees the lock and what he may, and nothing of the owner's."""
    await anna.get(path)
    await anna.send("/grants", account=BORIS, right=["unlock"])
    await client.another().register(BORIS)
    boris = Reader(str(anna.url), anna.outbox)
    async with boris.session:
        await boris.log_in(BORIS)

        listed = await boris.get("/console/")
        shown = await boris.get(path)

    assert "shared with you" in listed.text
    assert [form.action for form in shown.forms] == ["/console/logout", f"{path}/operate"]


async def test_stranger(anna: Reader, client: Client, path: str) -> None:
    """Who has nothing to do with a lock is not even told that it exists."""
    await client.another().register(BORIS)
    boris = Reader(str(anna.url), anna.outbox)
    async with boris.session:
        await boris.log_in(BORIS)
        shown = await boris.get(path)

    assert shown.http == 404
    assert "Front door" not in shown.text


async def test_new_key(anna: Reader, path: str) -> None:
    """The owner gives a new key to a lock, and finds it in the audit."""
    await anna.get(path)

    shown = await anna.send("/rekey", reason="compromise")

    assert "The lock gets a new key" in shown.text
    assert "New key wanted" in (await anna.get("/console/audit")).text


async def test_end_of_tickets(anna: Reader, path: str) -> None:
    """The owner ends what others may still hold, and finds it in the audit."""
    await anna.get(path)

    shown = await anna.send("/revoke-all")

    assert "All tickets end" in shown.text
    assert "Tickets ended" in (await anna.get("/console/audit")).text


async def test_behaviour(anna: Reader, owner: Client, door: Door, path: str) -> None:
    """The owner says how the lock behaves."""
    await anna.get(path)

    shown = await anna.send("/config", auto_relock_s="30", keypad_off="yes")

    assert "The lock is told when a gateway is near." in shown.text
    desired = (await owner.get(f"/v1/devices/{door.device_id}/config")).data["desired"]
    assert (desired["auto_relock_s"], desired["keypad_off"]) == (30, True)


@pytest.mark.parametrize(("mode", "told"), [("wipe", "is removed"), ("forget", "reset by hand")])
async def test_remove(anna: Reader, path: str, mode: str, told: str) -> None:
    """A lock is removed through a gateway, or forgotten at once."""
    await anna.get(path)

    shown = await anna.send("/remove", mode=mode)

    assert shown.path.startswith("/console/?")
    assert told in shown.text
    assert ("Front door" in shown.text) is (mode == "wipe")


async def test_witnesses(anna: Reader, home: Gateway, door: Door, path: str) -> None:
    """What server, gateway and lock tell of an operation is found from the audit."""
    async with online(home, door):
        await anna.get(path)
        await anna.send("/operate", cmd="unlock")
    shown = await anna.get("/console/audit")
    operation = shown.markup.split('href="/console/operations/')[1].partition('"')[0]

    shown = await anna.get(f"/console/operations/{operation}")

    assert "The server decided" in shown.text
    assert "The gateway took it" in shown.text
    assert "The lock answered" in shown.text
    assert "Front door" in shown.text
    assert (await anna.get("/console/operations/o-nothing")).http == 404


async def test_records(anna: Reader, home: Gateway, door: Door, path: str) -> None:
    """The records of the lock are shown with the name of the person."""
    async with online(home, door):
        await anna.get(path)
        await anna.send("/operate", cmd="unlock")
    hello = door.connect()
    assert hello
    door.disconnect()
    await home.client.post(
        f"/v1/devices/{door.device_id}/log",
        {
            "gateway_id": home.id,
            "lock_time": 1795000000,
            "records": [
                {
                    "record": 1,
                    "uid": 0,
                    "method": 0,
                    "event": 1,
                    "detail": 0,
                    "time": 1795000001,
                    "boot_time": False,
                }
            ],
        },
    )

    shown = await anna.get(path)

    assert "Unlocked" in shown.text
    assert "by hand" in shown.text
    assert "2026-11-18 11:06" in shown.text
