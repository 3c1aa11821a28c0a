"""Remote operation through the server, a gateway and a real lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import Socket, started


@asynccontextmanager
async def online(gateway: Gateway, door: Door) -> AsyncIterator[Socket]:
    """Let a gateway be connected, and carry every operation it is asked for."""
    async with started(gateway.client) as (socket, _):
        task = asyncio.create_task(_serve(gateway, door, socket))
        yield socket
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _serve(gateway: Gateway, door: Door, socket: Socket) -> None:
    while True:
        envelope = await socket.envelope()
        if envelope["mi"] != 1:
            continue
        await socket.send(
            mi=2,
            re=envelope["mid"],
            dst=envelope["src"],
            body={"status": 0, "code": 0, "accepted": True},
        )
        if "exchange" in envelope["body"]:
            await gateway.begin(door, envelope["body"]["exchange"])
        else:
            await gateway.open(door, "deliver")


def unlock(clock: MovableClock, cmd: str = "unlock", ahead: int = 15) -> dict[str, Any]:
    """Return the body of an operation."""
    return {"cmd": cmd, "expires": int(clock()) + ahead, "wait": 10}


async def operate(client: Client, door: Door, body: dict[str, Any]) -> Answer:
    """Ask for an operation."""
    return await client.post(f"/v1/devices/{door.device_id}/operate", body)


async def grant(owner: Client, door: Door, account: str, **fields: Any) -> Answer:
    """Give a person a grant."""
    named = {"kind": "account", "account": {"type": "email", "value": account}}
    return await owner.post(
        f"/v1/devices/{door.device_id}/grants",
        {"subject": named, "rights": ["unlock", "lock"]} | fields,
    )


async def test_owner_operates(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """An operation of the owner travels through the gateway to the bolt, and its result back."""
    async with online(home, door):
        answer = await operate(owner, door, unlock(clock))

    assert answer.http == 200, answer
    assert answer.data["result"]["state"]["bolt"] == "unlocked"
    assert door.lock.show()["bolt"] == "unlocked"
    shown = await owner.get(f"/v1/devices/{door.device_id}")
    assert shown.data["shadow"]["bolt"] == "unlocked"


async def test_slow_motor(owner: Client, gateway: Gateway, clock: MovableClock) -> None:
    """The result of a slow motor is the state in which it rests."""
    door = Door(clock, motor_seconds=2)
    door.lock.press_button(1)
    write = door.write

    def wait_and_write(packets: list[bytes]) -> tuple[list[bytes], bytes | None]:
        if packets:
            return write(packets)
        clock.move(3)
        door.heard.clear()
        door.lock.tick()
        return list(door.heard), None

    door.write = wait_and_write  # type: ignore[method-assign]  # the bolt moves while we wait
    await gateway.register(door)
    await gateway.see(door)
    async with online(gateway, door):
        answer = await operate(owner, door, unlock(clock))

    assert answer.data["result"]["state"]["bolt"] == "unlocked"


async def test_grant_and_revocation(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A stranger does not know the lock, a guest opens it, a revoked guest is refused."""
    guest = await client.another().enter("guest@example.org")
    stranger = await operate(guest, door, unlock(clock))
    assert (stranger.http, stranger.code) == (404, 2001)

    async with online(home, door):
        granted = await grant(owner, door, "guest@example.org")
        assert granted.http == 201, granted
        opened = await operate(guest, door, unlock(clock))
        assert opened.data["result"]["state"]["bolt"] == "unlocked", opened
        may_not = await operate(guest, door, unlock(clock, "open"))
        assert may_not.code == 3001

        revoked = await owner.request("DELETE", f"/v1/grants/{granted.data['grant_id']}")
        assert revoked.http == 200, revoked
        refused = await operate(guest, door, unlock(clock, "lock"))
        assert (refused.http, refused.code) == (403, 3003)
        locked = await operate(owner, door, unlock(clock, "lock"))
        assert locked.http == 200

    users = await owner.get(f"/v1/devices/{door.device_id}/users")
    assert [user["synced"] for user in users.data["items"]] == [True]
    listed = await guest.get("/v1/devices")
    assert listed.data["items"] == []


async def test_grant_before_registration(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A grant for an account holds for the person who registers it later."""
    await grant(owner, door, "late@example.org")

    late = await client.another().enter("late@example.org")

    async with online(home, door):
        assert (await operate(late, door, unlock(clock))).http == 200


@pytest.mark.parametrize(
    ("expires", "code"),
    [
        pytest.param(-1, 3003, id="passed"),
        pytest.param(120, 3003, id="too far ahead"),
        pytest.param(None, 3003, id="missing"),
    ],
)
async def test_expires(
    owner: Client, home: Gateway, door: Door, clock: MovableClock, *, expires: int | None, code: int
) -> None:
    """An unlock must end, within a minute; a lock need not."""
    body: dict[str, Any] = {"cmd": "unlock"}
    if expires is not None:
        body["expires"] = int(clock()) + expires

    async with online(home, door):
        assert (await operate(owner, door, body)).code == code
        assert (await operate(owner, door, {"cmd": "lock"})).http == 200


@pytest.mark.usefixtures("home")
async def test_no_gateway(owner: Client, door: Door, clock: MovableClock) -> None:
    """Without a connected gateway the answer says so at once."""
    answer = await operate(owner, door, unlock(clock))

    assert (answer.http, answer.code) == (503, 2005)


async def test_gateway_refuses(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """What the only gateway says against it is the answer."""
    async with started(home.client) as (socket, _):
        task = asyncio.create_task(operate(owner, door, unlock(clock)))
        envelope = await socket.envelope()
        while envelope["mi"] != 1:
            envelope = await socket.envelope()
        await socket.send(mi=2, re=envelope["mid"], body={"status": 1, "code": 2006})
        answer = await task

    assert answer.code == 2006
    assert door.lock.show()["bolt"] == "locked"


async def test_does_not_wait(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """Who does not wait gets the result as a message."""
    async with started(owner, role="user") as (person, _), online(home, door):
        answer = await operate(owner, door, unlock(clock) | {"wait": 0})
        assert answer.http == 202
        envelope = await person.envelope()
        while envelope["mi"] != 2:
            envelope = await person.envelope()

    assert envelope["body"]["state"]["bolt"] == "unlocked"


async def test_same_mid(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """The same request a second time is answered, and not done again."""
    async with online(home, door):
        body = unlock(clock) | {"mid": "01JD8Z0000000000000000000A"}
        first = await operate(owner, door, body)
        events = door.lock.show()["events"]
        second = await operate(owner, door, body)

    assert second.body["data"] == first.body["data"]
    assert second.headers["Replayed"] == "1"
    assert door.lock.show()["events"] == events


async def test_query(owner: Client, home: Gateway, door: Door) -> None:
    """State, version and records of a lock can be asked for from afar."""
    path = f"/v1/devices/{door.device_id}/query"
    async with online(home, door):
        status = await owner.post(path, {"what": "status"})
        version = await owner.post(path, {"what": "version"})
        log = await owner.post(path, {"what": "log", "from": 1})

    assert status.data["result"]["state"]["bolt"] == "locked"
    assert version.data["result"]["version"]["proto"] == 1
    numbers = [record["record"] for record in log.data["result"]["records"]]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_lost_answer(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A lock that does not answer is a time-out, and nobody claims to know its state."""
    async with online(home, door):
        door.deaf = True
        answer = await operate(owner, door, unlock(clock))

    assert (answer.http, answer.code) == (504, 2007)
    assert "state" not in answer.data["result"]


async def test_clock_unset(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """A lock that lost its time gets it before the operation."""
    door.lock.power_cycle()
    clock.move(61)
    async with online(home, door):
        answer = await operate(owner, door, unlock(clock))

    assert (
        answer.data["result"]["state"] | {"bolt": "unlocked", "clock": True}
        == (answer.data["result"]["state"])
    )


async def test_delivery_makes_way(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A gateway that comes to deliver while an operation waits for it is sent to the operation.

    The operation tells the lock what was to be delivered, too.
    """
    async with started(home.client) as (socket, _):
        await grant(owner, door, "guest@example.org")
        operation = asyncio.create_task(operate(owner, door, unlock(clock)))
        asked: list[str] = []
        while len(asked) < 2:  # both wait before the gateway looks at the first
            envelope = await socket.envelope()
            asked += [envelope["body"]["cmd"]] if envelope["mi"] == 1 else []
        delivered = await home.open(door, "deliver")
        await home.begin(door, envelope["body"]["exchange"])
        answer = await operation

    rows = await owner.get(f"/v1/devices/{door.device_id}/users")
    assert asked == ["deliver", "unlock"]
    assert (delivered.http, delivered.code) == (409, 2006)
    assert answer.data["result"]["code"] == 0, answer
    assert all(row["synced"] for row in rows.data["items"])
