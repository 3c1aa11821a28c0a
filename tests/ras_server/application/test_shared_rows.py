"""Links that share a row of the lock: what was given for one of them ends with it."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from ras_server.application.granting import MOST
from ras_server.application.upkeep import look_after
from ras_server.errors import Code
from ras_server.keys import DATABASE
from ras_server.store import grants
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock

ROWS = 63
"""Rows of a lock besides the owner's."""


async def link(owner: Client, door: Door, **fields: Any) -> str:
    """Give a link; return its grant."""
    subject = {"kind": "link", "name": "Plumber"}
    made = await grant(owner, door, "", **{"subject": subject, "rights": ["unlock"]} | fields)
    assert made.http == 201, made
    return str(made.data["grant_id"])


async def fill(owner: Client, door: Door, many: int = ROWS) -> None:
    """Take so many rows of a lock."""
    for _ in range(many):
        await link(owner, door)


async def code(owner: Client, door: Door, of: str, **fields: Any) -> str:
    """Give out a keypad code, one-time if nothing else is said; return its id."""
    made = await owner.post(
        f"/v1/devices/{door.device_id}/codes", {"class": 0, "grant": of} | fields
    )
    assert made.http == 201, made
    return str(made.data["code_id"])


async def states(owner: Client, door: Door) -> dict[str, str]:
    """Return what became of each code."""
    listed = await owner.get(f"/v1/devices/{door.device_id}/codes")
    return {each["code_id"]: each["state"] for each in listed.data["items"]}


async def rows(owner: Client, door: Door) -> list[dict[str, Any]]:
    """Return the rows besides the owner's that are wanted."""
    listed = await owner.get(f"/v1/devices/{door.device_id}/users")
    return [each for each in listed.data["items"][1:] if each["wanted"]]


async def test_code_of_link(owner: Client, home: Gateway, door: Door) -> None:
    """A code ends with the link it was given for; that of another link of the same row stays."""
    await fill(owner, door)
    links = [await link(owner, door) for _ in range(2)]
    mine, other = [await code(owner, door, each, **{"class": 4}) for each in links]

    await owner.request("DELETE", f"/v1/grants/{links[0]}")

    assert await states(owner, door) == {mine: "cancelled", other: "live"}


async def test_code_of_changed_link(owner: Client, home: Gateway, door: Door) -> None:
    """A code ends when the terms change that it was given under, also in a shared row."""
    await fill(owner, door)
    shared = await link(owner, door)
    given = await code(owner, door, shared)

    changed = await owner.request(
        "PUT", f"/v1/grants/{shared}", {"rights": ["unlock"], "rev": 1, "pin": "1234"}
    )

    assert changed.code == 0, changed
    assert await states(owner, door) == {given: "cancelled"}


async def test_code_of_expired_link(
    app: web.Application, owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A one-time code ends with its link's time, though another link keeps the row."""
    await fill(owner, door)
    shared = await link(owner, door, valid={"until": int(clock()) + 200})
    given = await code(owner, door, shared)
    clock.move(201)

    look_after(app)

    assert await states(owner, door) == {given: "cancelled"}
    assert len(await rows(owner, door)) == ROWS


async def test_deleted_rows(owner: Client, home: Gateway, door: Door) -> None:
    """Who deletes a row ends every link that shares it."""
    await fill(owner, door, ROWS + 1)

    for row in await rows(owner, door):
        await owner.request("DELETE", f"/v1/devices/{door.device_id}/users/{row['uid']}")

    assert await rows(owner, door) == []
    listed = await owner.get(f"/v1/devices/{door.device_id}/grants?limit=100")
    assert [each for each in listed.data["items"] if each["revoked"] is None] == []


async def test_row_of_expired_links(
    app: web.Application, owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A row leaves when the last link that shares it ends: somebody else gets it."""
    await fill(owner, door, ROWS - 1)
    for seconds in 200, 300:
        await link(owner, door, rights=["open"], valid={"until": int(clock()) + seconds})
    clock.move(201)
    look_after(app)
    assert len(await rows(owner, door)) == ROWS
    clock.move(100)

    look_after(app)
    await home.open(door, "deliver")
    await owner.log_in("anna@example.org")

    assert len(await rows(owner, door)) == ROWS - 1
    assert (await grant(owner, door, "ben@example.org")).http == 201


async def test_upkeep_of_others(
    app: web.Application, owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """However many links of a row have ended: what ended of others is looked after, too."""
    mallory = await owner.another().enter("mallory@example.org")
    other = Door(clock, device=bytes.fromhex("01B2C3D4E5AA"))
    other.lock.press_button(1)
    assert (await Gateway(await mallory.gateway()).register(other)).data["result"]["code"] == 0
    await fill(mallory, other)
    until = int(clock()) + 200
    for _ in range(101):
        await link(mallory, other, valid={"until": until})
        clock.move(0.05)  # so many a second are allowed
    ben = (await grant(owner, door, "ben@example.org", valid={"until": until})).data["grant_id"]
    given = await code(owner, door, ben)
    clock.move(201)

    look_after(app)

    assert await states(owner, door) == {given: "cancelled"}


async def most(app: web.Application, owner: Client, door: Door, clock: MovableClock) -> str:
    """Let a lock have as many grants as it may, all but one for two minutes; return that one."""
    first = await link(owner, door)
    model = grants.get(app[DATABASE], first)
    assert model is not None
    with app[DATABASE].write():
        for number in range(MOST - 1):
            other = replace(
                model,
                grant_id=f"gr-{number}",
                link=number.to_bytes(32),
                until=int(clock()) + 120,
            )
            grants.add(app[DATABASE], other)
    return first


async def test_most(
    app: web.Application, owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A lock has so many live grants and no more; those that have ended do not count."""

    async def change() -> Answer:
        return await owner.request("PUT", f"/v1/grants/{first}", {"rights": ["lock"], "rev": 1})

    first = await most(app, owner, door, clock)

    refused = await grant(owner, door, "ben@example.org")
    changed = await change()
    clock.move(121)
    taken = await grant(owner, door, "ben@example.org")

    assert refused.code == Code.MEMORY_FULL
    assert (changed.code, taken.http) == (0, 201)
