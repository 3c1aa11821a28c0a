"""Keypad codes: given out once, typed at a real lock, cancelled, dead with their key."""

from typing import Any

import pytest

from ras_server.application.locks import LOCKS
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock

DAY = 2
ONCE = 0


async def issue(owner: Client, door: Door, **fields: Any) -> Answer:
    """Ask for a code."""
    return await owner.post(f"/v1/devices/{door.device_id}/codes", {"class": DAY} | fields)


async def states(owner: Client, door: Door) -> list[str]:
    """Return what became of each code."""
    listed = await owner.get(f"/v1/devices/{door.device_id}/codes")
    return [item["state"] for item in listed.data["items"]]


async def cancel(owner: Client, door: Door, code_id: str) -> Answer:
    """Cancel a code."""
    return await owner.request("DELETE", f"/v1/devices/{door.device_id}/codes/{code_id}")


async def test_timed(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A code opens in its window, and is never shown again."""
    assert home
    issued = await issue(owner, door, name="Cleaner")

    assert issued.http == 201, issued
    assert issued.data["start"] <= clock() < issued.data["end"]
    assert door.lock.type_code(issued.data["code"])
    listed = await owner.get(f"/v1/devices/{door.device_id}/codes")
    assert issued.data["code"] not in str(listed.body)
    assert listed.data["items"][0]["name"] == "Cleaner"
    assert await states(owner, door) == ["live"]


async def test_two_in_a_window(owner: Client, home: Gateway, door: Door) -> None:
    """A window has two codes, and no third."""
    assert home
    first, second, third = [await issue(owner, door) for _ in range(3)]

    assert first.data["code"] != second.data["code"]
    assert door.lock.type_code(first.data["code"])
    assert door.lock.type_code(second.data["code"])
    assert (third.http, third.code) == (409, 2013)
    assert (await issue(owner, door, index=1)).code == 2013


async def test_window_out_of_range(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A window that is over, or years ahead, is refused."""
    assert home
    for at in (0, int(clock()) - 2 * 86400, int(clock()) + 400 * 86400):
        answer = await issue(owner, door, at=at)
        assert (answer.http, answer.code) == (400, 4001)
    ahead = await issue(owner, door, at=int(clock()) + 5 * 86400)
    assert not door.lock.type_code(ahead.data["code"])


async def test_cancelled(owner: Client, home: Gateway, door: Door) -> None:
    """A cancelled code opens no more once a gateway has told the lock."""
    issued = await issue(owner, door)
    cancelled = await cancel(owner, door, issued.data["code_id"])
    assert cancelled.http == 202

    await home.open(door, "deliver")

    assert not door.lock.type_code(issued.data["code"])
    assert await states(owner, door) == ["cancelled"]
    listed = await owner.get(f"/v1/devices/{door.device_id}/codes")
    assert listed.data["items"][0]["synced"]
    assert (await cancel(owner, door, "c-unknown")).code == 4005


async def test_one_time(owner: Client, home: Gateway, door: Door) -> None:
    """A one-time code opens once."""
    first = await issue(owner, door, **{"class": ONCE})

    assert first.data["number"] == 1
    assert door.lock.type_code(first.data["code"])
    assert not door.lock.type_code(first.data["code"])
    await upload(home, door)
    assert await states(owner, door) == ["used"]


async def upload(home: Gateway, door: Door) -> None:
    """Bring all records of the lock to the server."""
    read = await home.open(door, "exchange", {"do": [{"cmd": "log", "from": 1}]})
    records = read.data["result"]["records"]
    stored = await home.client.post(
        f"/v1/devices/{door.device_id}/log", {"gateway_id": home.id, "records": records}
    )
    assert stored.http == 200, stored


async def test_eight_one_time_codes(owner: Client, home: Gateway, door: Door) -> None:
    """Eight one-time codes are out at most; cancelling the oldest makes room for one more."""
    codes = [await issue(owner, door, **{"class": ONCE}) for _ in range(8)]
    full = await issue(owner, door, **{"class": ONCE})
    assert (full.http, full.code) == (409, 2013)

    await cancel(owner, door, codes[0].data["code_id"])
    still_full = await issue(owner, door, **{"class": ONCE})
    assert still_full.code == 2013
    delivered = await home.open(door, "deliver")
    assert delivered.data["result"]["code"] == 0
    ninth = await issue(owner, door, **{"class": ONCE})

    assert ninth.data["number"] == 9
    assert not door.lock.type_code(codes[0].data["code"])
    assert door.lock.type_code(ninth.data["code"])
    assert door.lock.type_code(codes[7].data["code"])


async def test_cancelled_in_the_middle(owner: Client, home: Gateway, door: Door) -> None:
    """A cancelled number holds nobody up when those before it are used."""
    codes = [await issue(owner, door, **{"class": ONCE}) for _ in range(3)]
    await cancel(owner, door, codes[1].data["code_id"])
    await home.open(door, "deliver")
    assert not door.lock.type_code(codes[1].data["code"])
    assert door.lock.type_code(codes[0].data["code"])
    await upload(home, door)

    await home.open(door, "deliver")
    more = [await issue(owner, door, **{"class": ONCE}) for _ in range(7)]

    assert [answer.http for answer in more] == [201] * 7
    assert door.lock.type_code(more[-1].data["code"])


async def test_survives_a_scheduled_rekey(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A re-key on schedule changes no code: neither old ones nor those of afterwards."""
    before = await issue(owner, door)
    await owner.post(f"/v1/devices/{door.device_id}/rekey", {"reason": "schedule"})
    await home.client.post(f"/v1/devices/{door.device_id}/tickets", {"gateway_id": home.id})
    for _ in range(3):
        clock.move(61)
        await home.open(door, "deliver")
        await home.client.post(f"/v1/devices/{door.device_id}/tickets", {"gateway_id": home.id})
    assert door.lock.show()["generation"] == 2

    after = await issue(owner, door)

    assert door.lock.type_code(before.data["code"])
    assert door.lock.type_code(after.data["code"])


async def test_dies_with_its_key(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """After a compromise the codes of before are dead, at the lock and in the list."""
    before = await issue(owner, door)
    await owner.post(f"/v1/devices/{door.device_id}/rekey", {"reason": "compromise"})
    clock.move(61)
    delivered = await home.open(door, "deliver")
    assert delivered.data["result"]["code"] == 0

    assert await states(owner, door) == ["dead"]
    assert not door.lock.type_code(before.data["code"])
    after = await issue(owner, door)
    assert door.lock.type_code(after.data["code"])


async def test_format(owner: Client, home: Gateway, door: Door) -> None:
    """Codes are given out in the format that the lock has confirmed; old ones die with theirs."""
    before = await issue(owner, door)
    path = f"/v1/devices/{door.device_id}"
    rev = (await owner.get(path)).data["rev"]
    form = {"length": 12, "base": 6, "first": 1}
    await owner.request("PUT", f"{path}/config", {"rev": rev, "code_format": form})
    assert (await issue(owner, door)).code == 2006
    await home.open(door, "deliver")

    after = await issue(owner, door)

    assert len(after.data["code"]) == 12
    assert set(after.data["code"]) <= set("123456")
    assert door.lock.type_code(after.data["code"])
    assert not door.lock.type_code(before.data["code"])
    assert await states(owner, door) == ["dead", "live"]


async def test_ends_with_its_grant(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A code of a grant is cancelled with it, and never outlives it."""
    assert client
    named = {"kind": "account", "account": {"type": "email", "value": "guest@example.org"}}
    path = f"/v1/devices/{door.device_id}/grants"
    until = int(clock()) + 3 * 86400
    granted = await owner.post(
        path, {"subject": named, "rights": ["unlock"], "valid": {"until": until}}
    )
    grant_id = granted.data["grant_id"]
    issued = await issue(owner, door, grant=grant_id)
    too_long = await issue(owner, door, **{"class": 4, "grant": grant_id})
    assert issued.http == 201
    assert (too_long.http, too_long.code) == (403, 3003)
    await home.open(door, "deliver")

    await owner.request("DELETE", f"/v1/grants/{grant_id}")
    await home.open(door, "deliver")

    assert not door.lock.type_code(issued.data["code"])
    assert await states(owner, door) == ["cancelled"]
    assert (await issue(owner, door, grant=grant_id)).code == 4005


async def test_limited_grant(owner: Client, home: Gateway, door: Door) -> None:
    """A keypad cannot count uses, so a grant that has them gets no code."""
    assert home
    named = {"kind": "account", "account": {"type": "email", "value": "guest@example.org"}}
    granted = await owner.post(
        f"/v1/devices/{door.device_id}/grants",
        {"subject": named, "rights": ["unlock"], "uses": {"max": 3}},
    )

    assert (await issue(owner, door, grant=granted.data["grant_id"])).code == 3001


async def test_full_list(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A lock that can keep no more cancelled codes is given a new code key."""
    for day in range(17):
        for _ in range(2):
            at = int(clock()) + day * 43200
            issued = await issue(owner, door, at=at)
            assert issued.http == 201, issued
            await cancel(owner, door, issued.data["code_id"])
    for _ in range(4):
        clock.move(61)
        await home.open(door, "deliver")

    assert await states(owner, door) == ["cancelled"] * 34
    assert not door.lock.type_code(issued.data["code"])
    assert home.client
    fresh = await issue(owner, door)
    assert door.lock.type_code(fresh.data["code"])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_only_the_owner(client: Client, home: Gateway, door: Door, method: str) -> None:
    """Codes are the owner's; a gateway and a stranger have none."""
    path = f"/v1/devices/{door.device_id}/codes"
    stranger = await client.another().enter("ben@example.org")

    refused = await home.client.request(method, path, {"class": DAY} if method == "POST" else None)
    unknown = await stranger.request(method, path, {"class": DAY} if method == "POST" else None)

    assert (refused.http, refused.code) == (403, 3001)
    assert (unknown.http, unknown.code) == (404, 2001)


async def test_nothing_is_stored(owner: Client, home: Gateway, door: Door, app: Any) -> None:
    """The digits stand in no file of the server."""
    assert home
    issued = await issue(owner, door)
    await owner.get("/v1/audit")
    folder = app[LOCKS].db.path.parent

    for path in folder.iterdir():
        if path.is_file():
            assert issued.data["code"].encode() not in path.read_bytes(), path.name
