"""Guests without an account: a link opens what its grant says, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_canary import files_of
from tests.ras_server.application.test_operations import grant, online, unlock
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock


class Guest(Client):
    """Somebody with a link and nothing else."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a request."""
        return {"Authorization": f"Guest {self.token}"}


async def link(owner: Client, door: Door, **fields: Any) -> tuple[Guest, dict[str, Any]]:
    """Let a plumber in by a link."""
    answer = await grant(
        owner, door, "", **{"subject": {"kind": "link", "name": "Plumber"}} | fields
    )
    assert answer.http == 201, answer
    guest = Guest(owner.session, owner.url, owner.outbox)
    guest.token = answer.data["token"]
    return guest, answer.data


async def test_link(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A guest sees what he may do, does it, and nothing else; the audit names his grant."""
    guest, given = await link(owner, door, uses={"max": 1})

    async with online(home, door):
        shown = await guest.get("/v1/guest")
        body = unlock(clock) | {"device_id": door.device_id}
        opened = await guest.post("/v1/guest/operate", body)
        spent = await guest.post("/v1/guest/operate", body)
        other = await guest.post("/v1/guest/operate", body | {"device_id": "0A1B2C3D4E5F"})

    assert shown.data == {
        "name": "Plumber",
        "devices": [
            {"device_id": door.device_id, "name": "Front door", "rights": ["lock", "unlock"]}
        ],
        "valid": {"from": None, "until": None},
        "uses_left": 1,
        "pin": False,
        "second_person": False,
    }
    assert opened.http == 200, opened
    assert (spent.code, other.code) == (3005, 2001)
    entries = [item["entry"] for item in (await owner.get("/v1/audit")).data["items"]]
    decided = [each for each in entries if each["action"] == "access.unlock"]
    assert {each["actor"] for each in decided} == {f"guest:{given['grant_id']}"}
    listed = await owner.get(f"/v1/grants/{given['grant_id']}")
    assert listed.data["subject"] == {"kind": "link", "name": "Plumber"}
    assert "token" not in listed.data


async def test_nothing_else(owner: Client, home: Gateway, door: Door) -> None:
    """A link is no login: everything but the guest's two routes is shut."""
    assert home
    guest, given = await link(owner, door)

    answers = [
        await guest.get("/v1/devices"),
        await guest.get("/v1/users/me"),
        await guest.get(f"/v1/grants/{given['grant_id']}"),
        await guest.post(f"/v1/devices/{door.device_id}/operate", {"cmd": "lock"}),
        await guest.post(f"/v1/devices/{door.device_id}/tickets", {"gateway_id": home.id}),
        await owner.get("/v1/guest"),
    ]

    assert {(each.http, each.code) for each in answers} == {(403, 3001)}


async def test_revoked_link(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A revoked link is refused at once."""
    assert home
    guest, given = await link(owner, door)

    await owner.request("DELETE", f"/v1/grants/{given['grant_id']}")

    shown = await guest.get("/v1/guest")
    body = unlock(clock) | {"device_id": door.device_id}
    assert (shown.http, shown.code) == (403, 3003)
    assert (await guest.post("/v1/guest/operate", body)).code == 3003


async def test_wrong_tokens(client: Client, clock: MovableClock) -> None:
    """After ten wrong tokens an address waits; the answer does not tell a link from none."""
    clock.stop()
    guest = Guest(client.session, client.url, client.outbox)
    codes = []
    for number in range(11):
        guest.token = f"wrong{number}"
        codes.append((await guest.get("/v1/guest")).code)

    assert codes == [1007] * 10 + [5003]


async def test_same_mid_of_two_guests(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Two guests with the same mid do not get each other's answers."""
    first, _ = await link(owner, door)
    second, _ = await link(owner, door, rights=["lock"])
    body = unlock(clock) | {"device_id": door.device_id, "mid": "01JD8Z0000000000000000000A"}

    async with online(home, door):
        allowed = await first.post("/v1/guest/operate", body)
        refused = await second.post("/v1/guest/operate", body)

    assert (allowed.code, refused.code) == (0, 3001)


async def test_full_lock(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """When all rows of the lock are taken links share one; an account gets 2013."""
    links = [await link(owner, door) for _ in range(64)]
    full = await grant(owner, door, "ben@example.org")
    (guest, given), (_, neighbour) = links[-1], links[-2]

    await owner.request("DELETE", f"/v1/grants/{neighbour['grant_id']}")
    async with online(home, door):
        for _ in range(6):
            await home.open(door, "deliver")
            clock.move(2)
        opened = await guest.post(
            "/v1/guest/operate", unlock(clock) | {"device_id": door.device_id}
        )

    assert full.code == 2013
    assert given["grant_id"]
    assert opened.http == 200, opened


@pytest.mark.usefixtures("home")
async def test_canary(
    owner: Client,
    door: Door,
    clock: MovableClock,
    *,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the token of a link, nor a PIN, nor a position is in a log, a file or the audit."""
    caplog.set_level("DEBUG")
    pin, place = "739182645", 52.516275
    guest, given = await link(owner, door, pin=pin)
    position = {"lat": place, "lon": 13.377704, "accuracy_m": 5, "at": int(clock())}
    body = unlock(clock) | {"device_id": door.device_id, "pin": pin, "position": position}
    answers = [
        await guest.post("/v1/guest/operate", body),
        await guest.post("/v1/guest/operate", body | {"pin": "111122223333"}),
        await guest.get("/v1/guest"),
        await owner.get(f"/v1/grants/{given['grant_id']}"),
        await owner.get(f"/v1/grants/{given['grant_id']}/uses"),
        await owner.get("/v1/audit"),
    ]

    assert [each.code for each in answers[:2]] == [2005, 3007]
    for secret in (str(guest.token), pin, "111122223333", "52.516", "13.377"):
        assert not any(secret in str(each.body) for each in answers)
        assert secret not in caplog.text
        assert not any(secret.encode() in data for data in files_of(tmp_path).values())
