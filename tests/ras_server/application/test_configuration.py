"""Configuration and rows of a lock: wanted here, confirmed by the lock."""

from typing import Any

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Answer, Client

GUEST = {"kind": "account", "account": {"type": "email", "value": "guest@example.org"}}


async def configure(caller: Client, door: Door, **fields: Any) -> Answer:
    """Want other values."""
    path = f"/v1/devices/{door.device_id}"
    rev = (await caller.get(f"{path}/config")).data.get("rev", 1)
    return await caller.request("PUT", f"{path}/config", {"rev": rev} | fields)


async def test_desired_and_reported(owner: Client, home: Gateway, door: Door) -> None:
    """What is wanted is told to the lock, and then reported."""
    wanted = {"auto_relock_s": 30, "keypad_off": True, "adv_interval_ms": 1000}

    asked = await configure(owner, door, **wanted)
    delivered = await home.open(door, "deliver")
    shown = await owner.get(f"/v1/devices/{door.device_id}/config")

    assert asked.http == 202
    assert asked.data["reported"] == {}
    assert not asked.data["synced"]
    assert delivered.data["result"]["code"] == 0
    everything = wanted | {"owner_without_clock": False}
    assert shown.data["desired"] == shown.data["reported"] == everything
    assert shown.data["synced"]
    assert shown.data["refused"] == {}


async def test_flags_are_kept(owner: Client, home: Gateway, door: Door) -> None:
    """A flag that is not named stays as it was wanted."""
    assert home
    await configure(owner, door, keypad_off=True)
    answer = await configure(owner, door, owner_without_clock=True)

    assert answer.data["desired"] == {"keypad_off": True, "owner_without_clock": True}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        pytest.param({"auto_relock_s": 3601}, "/auto_relock_s", id="too long"),
        pytest.param({"adv_interval_ms": 99}, "/adv_interval_ms", id="too often"),
        pytest.param({"keypad_off": 1}, "/keypad_off", id="no boolean"),
        pytest.param(
            {"code_format": {"length": 8, "base": 4, "first": 0}}, "/code_format", id="weak"
        ),
        pytest.param(
            {"code_format": {"length": 8, "base": 10, "first": 1}}, "/code_format", id="11 digits"
        ),
    ],
)
async def test_out_of_range(
    owner: Client, home: Gateway, door: Door, fields: dict[str, Any], pointer: str
) -> None:
    """A value that no lock takes is refused, with its place."""
    assert home
    answer = await configure(owner, door, **fields)

    assert (answer.http, answer.code) == (400, 4001)
    assert answer.data["errors"][0]["pointer"] == pointer


async def test_old_revision(owner: Client, home: Gateway, door: Door) -> None:
    """A change names the state it is made from."""
    assert home
    answer = await configure(owner, door, auto_relock_s=5, rev=99)

    assert (answer.http, answer.code) == (412, 4007)


async def test_household_gateway(owner: Client, home: Gateway, door: Door, client: Client) -> None:
    """A gateway of the household sets the auto-relock only; a stranger knows nothing."""
    stranger = await client.another().enter("ben@example.org")

    relock = await configure(home.client, door, auto_relock_s=10)
    keypad = await configure(home.client, door, keypad_off=True)
    unknown = await configure(stranger, door, auto_relock_s=10)

    assert relock.http == 202
    assert (keypad.http, keypad.code) == (403, 3001)
    assert unknown.code == 2001


async def test_alarm_is_cleared(owner: Client, home: Gateway, door: Door) -> None:
    """The owner ends a latched alarm from afar."""
    door.lock.tamper()
    assert door.lock.show()["alarm"]

    await configure(owner, door, clear_alarm=True)
    await home.open(door, "deliver")

    assert not door.lock.show()["alarm"]


async def granted(owner: Client, door: Door, **fields: Any) -> Answer:
    """Give somebody a grant."""
    path = f"/v1/devices/{door.device_id}/grants"
    return await owner.post(path, {"subject": GUEST, "rights": ["lock", "unlock"]} | fields)


async def rows(owner: Client, door: Door) -> list[dict[str, Any]]:
    """Return the rows of the lock."""
    listed = await owner.get(f"/v1/devices/{door.device_id}/users")
    items: list[dict[str, Any]] = listed.data["items"]
    return items


async def test_row_is_narrowed(owner: Client, home: Gateway, door: Door) -> None:
    """A row is written anew with other rights, and shown as confirmed by the lock."""
    await granted(owner, door)
    await home.open(door, "deliver")
    uid = (await rows(owner, door))[1]["uid"]
    path = f"/v1/devices/{door.device_id}/users/{uid}"

    changed = await owner.request("PUT", path, {"rights": ["lock"], "not_before": 1800000000})
    await home.open(door, "deliver")
    shown = await owner.get(path)

    assert changed.http == 202
    assert not changed.data["synced"]
    assert shown.data["rights"] == ["lock"]
    assert shown.data["not_before"] == 1800000000
    assert shown.data["synced"]


async def test_row_is_deleted(owner: Client, home: Gateway, door: Door) -> None:
    """With its row a grant ends."""
    grant = await granted(owner, door)
    await home.open(door, "deliver")
    uid = (await rows(owner, door))[1]["uid"]
    path = f"/v1/devices/{door.device_id}/users/{uid}"

    deleted = await owner.request("DELETE", path)
    await home.open(door, "deliver")

    assert deleted.http == 202
    assert len(await rows(owner, door)) == 1
    shown = await owner.get(f"/v1/grants/{grant.data['grant_id']}")
    assert shown.data["revoked"]
    assert (await owner.get(path)).code == 4005


async def test_owner_row_stays(owner: Client, home: Gateway, door: Door) -> None:
    """Nobody takes the owner's own rights at the lock."""
    assert home
    uid = (await rows(owner, door))[0]["uid"]
    path = f"/v1/devices/{door.device_id}/users/{uid}"

    assert (await owner.request("PUT", path, {"rights": ["lock"]})).code == 3001
    assert (await owner.request("DELETE", path)).code == 3001
