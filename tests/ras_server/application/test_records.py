"""Records, reports and the audit over HTTP."""

from typing import Any

import pytest

from ras_server.application.locklog import extended
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import started


def record(number: int, **fields: Any) -> dict[str, Any]:
    """Return a record as a gateway uploads it."""
    return {
        "record": number,
        "uid": 1,
        "method": 1,
        "event": 1,
        "detail": 0,
        "time": 1795000001,
        "boot_time": False,
    } | fields


async def upload(gateway: Gateway, door: Door, *records: dict[str, Any]) -> Answer:
    """Upload records."""
    return await gateway.client.post(
        f"/v1/devices/{door.device_id}/log",
        {"gateway_id": gateway.id, "lock_time": 1795000002, "records": list(records)},
    )


@pytest.mark.parametrize(
    ("number", "newest", "expected"),
    [
        pytest.param(7, None, 7, id="first"),
        pytest.param(8, 7, 8, id="next"),
        pytest.param(7, 7, 7, id="same"),
        pytest.param(6, 7, 6, id="older"),
        pytest.param(0, 0xFFFF, 0x10000, id="wraps"),
        pytest.param(0xFFFF, 0x10000, 0xFFFF, id="before the wrap"),
        pytest.param(3, 0x2FFFE, 0x30003, id="wraps again"),
    ],
)
def test_extended(number: int, newest: int | None, expected: int) -> None:
    """A number of 16 bits is extended by serial order."""
    assert extended(number, newest) == expected


async def test_upload(home: Gateway, door: Door, owner: Client) -> None:
    """Records are stored once, gaps are told, and the reader sees names."""
    uid = (await owner.get(f"/v1/devices/{door.device_id}/users")).data["items"][0]["uid"]
    first = await upload(home, door, record(7, uid=uid), record(8))
    again = await upload(home, door, record(8), record(9))
    later = await upload(home, door, record(12))

    listed = await owner.get(f"/v1/devices/{door.device_id}/log?after=7&limit=2")
    named = await owner.get(f"/v1/devices/{door.device_id}/log?limit=1")

    told = [answer.data.pop("records") for answer in (first, again, later)]
    assert first.data == {"stored": 2, "duplicates": 0, "next": 9, "gap": None}
    assert again.data == {"stored": 1, "duplicates": 1, "next": 10, "gap": None}
    assert later.data == {"stored": 1, "duplicates": 0, "next": 13, "gap": [10, 11]}
    assert [[each["record"] for each in records] for records in told] == [[7, 8], [8, 9], [12]]
    assert told[0][0] == {"record": 7, "user": "Anna", "channel": None, "gateway": None}
    assert [item["record"] for item in listed.data["items"]] == [8, 9]
    assert listed.data["next"] == 9
    assert named.data["items"][0]["user"] == "Anna"


async def test_conflict(home: Gateway, door: Door, owner: Client) -> None:
    """A different record under a number that is taken is kept apart, and marked."""
    await upload(home, door, record(7))

    other = await upload(home, door, record(7, event=2))

    listed = await owner.get(f"/v1/devices/{door.device_id}/log")
    audit = await owner.get("/v1/audit")
    assert other.data["stored"] == 1
    assert [item["conflict"] for item in listed.data["items"]] == [False, True]
    assert "log.conflict" in [item["entry"]["action"] for item in audit.data["items"]]


async def test_event_is_told(home: Gateway, door: Door, owner: Client) -> None:
    """A stored record goes to the owner as a message, with the name of the person."""
    uid = (await owner.get(f"/v1/devices/{door.device_id}/users")).data["items"][0]["uid"]
    async with started(owner, role="user") as (person, _):
        await upload(home, door, record(7, uid=uid))
        envelope = await person.envelope()
        while envelope["mi"] != 9:
            envelope = await person.envelope()

    assert envelope["src"] == f"dev:{door.device_id}"
    assert envelope["body"]["user"] == "Anna"


async def test_log_is_private(owner: Client, client: Client, home: Gateway, door: Door) -> None:
    """A guest without the right does not read the log, nor does his gateway write it."""
    guest = await client.another().enter("guest@example.org")
    await grant(owner, door, "guest@example.org")
    theirs = Gateway(await guest.gateway())
    assert home

    assert (await guest.get(f"/v1/devices/{door.device_id}/log")).code == 3001
    assert (await upload(theirs, door, record(1))).code == 3001


async def test_state_is_passed_on(owner: Client, client: Client, home: Gateway, door: Door) -> None:
    """A state that the household's gateway saw reaches the guest; a stranger's is not believed."""
    guest = await client.another().enter("guest@example.org")
    await grant(owner, door, "guest@example.org")
    theirs = Gateway(await guest.gateway())
    now = int((await owner.get("/v1/info")).body["ts"])
    seen = {"state": {"bolt": "unlocked", "x": 1}, "source": "advert", "at": now}
    forged = {"state": {"bolt": "locked"}, "source": "advert", "at": now}

    async with (
        started(guest, role="user") as (person, _),
        started(theirs.client) as (liar, _),
        started(home.client) as (socket, _),
    ):
        await liar.send(src=f"dev:{door.device_id}", mi=3, body=forged)
        await socket.send(src=f"dev:{door.device_id}", mi=3, body=seen)
        envelope = await person.envelope()
        while envelope["mi"] != 3:
            envelope = await person.envelope()

    assert envelope["body"]["state"] == {"bolt": "unlocked"}
    shown = await owner.get(f"/v1/devices/{door.device_id}")
    assert shown.data["shadow"]["bolt"] == "unlocked"


async def test_audit(owner: Client, client: Client, home: Gateway, door: Door) -> None:
    """A person reads what concerns him, anybody with a login checks the chain."""
    guest = await client.another().enter("guest@example.org")
    head = await owner.get("/v1/audit/head")
    trusted = {"n": head.data["n"], "hash": head.data["hash"]}

    mine = await owner.get("/v1/audit")
    theirs = await guest.get("/v1/audit")
    checked = await home.client.post("/v1/audit/verify", {"from": trusted})
    lied = await home.client.post("/v1/audit/verify", {"from": trusted | {"hash": "00" * 32}})

    actions = [item["entry"]["action"] for item in mine.data["items"]]
    assert "device.register" in actions
    assert f"dev:{door.device_id}" not in {item["entry"]["object"] for item in theirs.data["items"]}
    assert (checked.data["ok"], checked.data["first_bad"]) == (True, None)
    assert (lied.data["ok"], lied.data["first_bad"]) == (False, trusted["n"])


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"uses": {"max": 0}}, id="no use"),
        pytest.param({"pin": "123"}, id="short pin"),
        pytest.param({"pin": "12a4"}, id="pin of letters"),
        pytest.param({"geofence": {"policy": "ask"}}, id="policy"),
        pytest.param({"valid": {"weekdays": [0]}}, id="weekday"),
        pytest.param({"valid": {"weekdays": []}}, id="no weekday"),
        pytest.param({"valid": {"times": [["18:00", "08:00"]]}}, id="over midnight"),
        pytest.param({"valid": {"times": [["08:00"]]}}, id="half a window"),
        pytest.param({"valid": {"times": [["8:00", "9:00"]]}}, id="time"),
        pytest.param({"valid": {"times": [["08:00", "24:01"]]}}, id="after midnight"),
        pytest.param({"valid": {"tz": "Moon/Base"}}, id="zone"),
        pytest.param({"valid": {"tz": "../../etc/passwd"}}, id="path"),
        pytest.param({"valid": {"until": 1}}, id="past"),
        pytest.param({"subject": {"kind": "link"}}, id="nameless link"),
    ],
)
async def test_grant_limits(
    owner: Client, home: Gateway, door: Door, fields: dict[str, Any]
) -> None:
    """A limit that makes no sense is refused: ignored, it would widen the grant."""
    assert home

    answer = await grant(owner, door, "guest@example.org", **fields)

    assert (answer.http, answer.code) == (400, 4001)
    assert answer.data["errors"]


async def test_expired_grant(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A grant ends by itself."""
    guest = await client.another().enter("guest@example.org")
    until = int(clock()) + 60
    await grant(owner, door, "guest@example.org", valid={"until": until})
    assert home
    before = await guest.get("/v1/devices")

    clock.move(61)

    assert len(before.data["items"]) == 1
    assert (await guest.get("/v1/devices")).data["items"] == []
    assert (await guest.get(f"/v1/devices/{door.device_id}")).code == 3003


async def test_grants(owner: Client, client: Client, home: Gateway, door: Door) -> None:
    """The owner lists grants, the holder sees his own, a stranger none."""
    guest = await client.another().enter("guest@example.org")
    stranger = await client.another().enter("ben@example.org")
    made = await grant(owner, door, "guest@example.org")
    path = f"/v1/grants/{made.data['grant_id']}"
    assert home

    listed = await owner.get(f"/v1/devices/{door.device_id}/grants")

    assert [item["grant_id"] for item in listed.data["items"]] == [made.data["grant_id"]]
    assert not listed.data["items"][0]["synced"]
    assert (await guest.get(path)).data["rights"] == ["lock", "unlock"]
    assert (await stranger.get(path)).code == 4005
    assert (await guest.request("DELETE", path)).code == 4005
    assert (await guest.get(f"/v1/devices/{door.device_id}/grants")).code == 3001


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=-2",
        "limit=201",
        "limit=00000000000000000001000",
        "after=99999999999999999999",
        "after=1_0",
    ],
)
async def test_part_that_makes_no_sense(
    owner: Client, home: Gateway, door: Door, query: str
) -> None:
    """A part of the log that cannot be is refused: a negative limit would be none."""
    await upload(home, door, *(record(number) for number in range(1, 4)))

    refused = await owner.get(f"/v1/devices/{door.device_id}/log?{query}")

    assert (refused.http, refused.code) == (400, 4001)
