"""Operations as a resource: states, several gateways, one execution, restarts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from ras_server.app import create_app
from ras_server.application import errand
from ras_server.application.progress import NEXT, State
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from ras_server.store import operations as store
from ras_server.vault import Vault
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import operate, unlock
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MASTER_KEY, MovableClock
from tests.ras_server.sockets import Socket, started

ACCEPTED = {"status": 0, "code": 0, "accepted": True}


@pytest.fixture
async def second(owner: Client, home: Gateway, door: Door) -> Gateway:
    """Return a second gateway of the home, with a weaker signal."""
    assert home
    gateway = Gateway(await owner.gateway("Garage"))
    sighting = {
        "device_id": door.device_id,
        "rssi": -90,
        "service_data": door.lock.service_data().hex(),
    }
    await gateway.client.post(f"/v1/gateways/{gateway.id}/sightings", {"seen": [sighting]})
    return gateway


@asynccontextmanager
async def asked(gateway: Gateway) -> AsyncIterator[Socket]:
    """Connect a gateway that does nothing of its own accord."""
    async with started(gateway.client) as (socket, _):
        yield socket


async def control(socket: Socket) -> dict[str, Any]:
    """Return the next operation a gateway is asked for."""
    while True:
        envelope = await socket.envelope()
        if envelope["mi"] == 1 and "exchange" in envelope["body"]:
            return envelope


async def respond(socket: Socket, envelope: dict[str, Any], body: dict[str, Any]) -> None:
    """Answer a control message."""
    await socket.send(mi=2, re=envelope["mid"], dst=envelope["src"], body=body)


async def shown(client: Client, operation_id: str) -> dict[str, Any]:
    """Return an operation."""
    answer = await client.get(f"/v1/operations/{operation_id}")
    assert answer.http == 200, answer
    return answer.data


async def test_one_id_from_end_to_end(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """Each state is seen on the way, under the id that the gateway is told, too."""
    async with asked(home) as socket:
        task = asyncio.create_task(operate(owner, door, unlock(clock)))
        envelope = await control(socket)
        operation_id = envelope["body"]["operation"]
        assert (await shown(owner, operation_id))["state"] == "sent_to_gateway"
        await respond(socket, envelope, ACCEPTED)
        path = f"/v1/exchanges/{envelope['body']['exchange']}"
        first = await home.client.post(path, {"hello": door.connect().hex()})
        assert (await shown(owner, operation_id))["state"] == "sent_to_lock"
        await home.carry(door, first)
        answer = await task

    assert answer.data["operation_id"] == operation_id
    operation = await shown(owner, operation_id)
    assert operation["state"] == "succeeded"
    assert operation["gateway_id"] == home.id
    assert operation["result"] == answer.data["result"]
    actions = await _actions(owner, operation_id)
    assert actions == ["access.unlock", "operation.receipt", "operation.sent", "lock.answer"]


async def _actions(owner: Client, operation_id: str) -> list[str]:
    """Return what the audit says of an operation."""
    entries: list[Any] = []
    after = 0
    while True:
        page = await owner.get(f"/v1/audit?after={after}&limit=200")
        entries += page.data["items"]
        if not page.data["next"]:
            break
        after = page.data["next"]
    found = [each.get("entry", each) for each in entries]
    return [each["action"] for each in found if each["detail"].get("operation") == operation_id]


async def test_silent_gateway(
    owner: Client,
    home: Gateway,
    second: Gateway,
    *,
    door: Door,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway that says nothing is passed over; when it comes late, it gets nothing."""
    monkeypatch.setattr(errand, "ACCEPT_TIME", 0.1)
    async with asked(home) as silent, asked(second) as other:
        task = asyncio.create_task(operate(owner, door, unlock(clock)))
        first = await control(silent)
        envelope = await control(other)
        assert envelope["mid"] == first["mid"]
        await respond(other, envelope, ACCEPTED)
        path = f"/v1/exchanges/{envelope['body']['exchange']}"
        late = await home.client.post(path, {"hello": door.connect().hex()})
        assert (late.http, late.code) == (403, 3001)
        await second.begin(door, envelope["body"]["exchange"])
        answer = await task

    assert answer.data["result"]["state"]["bolt"] == "unlocked"
    assert (await shown(owner, answer.data["operation_id"]))["gateway_id"] == second.id


async def test_gateway_takes_it_and_dies(
    owner: Client,
    home: Gateway,
    second: Gateway,
    *,
    door: Door,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who accepts and never reaches the lock is passed over, as long as nothing was made."""
    monkeypatch.setattr(errand, "BEGIN_TIME", 0.1)
    async with asked(home) as dying, asked(second) as other:
        task = asyncio.create_task(operate(owner, door, unlock(clock)))
        await respond(dying, await control(dying), ACCEPTED)
        envelope = await control(other)
        await respond(other, envelope, ACCEPTED)
        await second.begin(door, envelope["body"]["exchange"])
        answer = await task

    assert answer.http == 200


async def test_refusal_and_next(
    owner: Client, home: Gateway, second: Gateway, door: Door, clock: MovableClock
) -> None:
    """A gateway that is busy is not waited for; a stale refusal of it counts nothing."""
    async with asked(home) as busy, asked(second) as other:
        task = asyncio.create_task(operate(owner, door, unlock(clock)))
        first = await control(busy)
        await respond(busy, first, {"status": 1, "code": 2006})
        envelope = await control(other)
        await respond(busy, first, {"status": 1, "code": 2005})
        await respond(other, envelope, ACCEPTED)
        await second.begin(door, envelope["body"]["exchange"])
        answer = await task

    assert answer.http == 200


async def test_no_second_execution(
    owner: Client,
    home: Gateway,
    second: Gateway,
    *,
    door: Door,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When packets were made nobody else is asked: the outcome is unknown, not done twice."""
    monkeypatch.setattr("ras_server.application.exchanges.LIFE", 0.5)
    monkeypatch.setattr(errand, "ACCEPT_TIME", 0.1)
    async with asked(home) as first, asked(second) as other:
        task = asyncio.create_task(operate(owner, door, unlock(clock)))
        envelope = await control(first)
        path = f"/v1/exchanges/{envelope['body']['exchange']}"
        begun = await home.client.post(path, {"hello": door.connect().hex()})
        door.write([bytes.fromhex(packet) for packet in begun.data["packets"]])
        answer = await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await control(other)

    assert (answer.http, answer.code) == (504, 2007)
    assert door.lock.show()["bolt"] == "unlocked"
    operation = await shown(owner, answer.data["operation_id"])
    assert operation["state"] == "failed"


async def test_revoked_on_the_way(
    owner: Client, client: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A grant that ends while its operation waits for a gateway opens nothing."""
    named = {"kind": "account", "account": {"type": "email", "value": "guest@example.org"}}
    path = f"/v1/devices/{door.device_id}/grants"
    granted = await owner.post(path, {"subject": named, "rights": ["unlock"]})
    guest = await client.another().enter("guest@example.org")
    async with asked(home) as socket:
        task = asyncio.create_task(operate(guest, door, unlock(clock)))
        envelope = await control(socket)
        await respond(socket, envelope, ACCEPTED)
        await owner.request("DELETE", f"/v1/grants/{granted.data['grant_id']}")
        await home.begin(door, envelope["body"]["exchange"])
        answer = await task

    assert (answer.http, answer.code) == (403, 3003)
    assert door.lock.show()["bolt"] == "locked"


async def test_expires_on_the_way(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """An operation whose time has passed is expired: no packet of it is ever made."""
    async with asked(home) as socket:
        task = asyncio.create_task(operate(owner, door, unlock(clock)))
        envelope = await control(socket)
        await respond(socket, envelope, ACCEPTED)
        clock.move(16)
        begun = await home.begin(door, envelope["body"]["exchange"])
        answer = await task

    assert begun.data["result"]["code"] == 3003
    assert answer.code == 3003
    assert (await shown(owner, answer.data["operation_id"]))["state"] == "expired"
    assert door.lock.show()["bolt"] == "locked"


async def test_who_sees_it(owner: Client, client: Client, home: Gateway, door: Door) -> None:
    """An operation is shown to who asked for it and to the lock's owner, to nobody else."""
    asked_by_gateway = await home.client.post(
        f"/v1/devices/{door.device_id}/query", {"what": "status"}
    )
    operation_id = asked_by_gateway.data["operation_id"]
    stranger = await client.another().enter("ben@example.org")

    assert asked_by_gateway.code == 2005
    assert (await shown(owner, operation_id))["state"] == "failed"
    assert (await shown(home.client, operation_id))["cmd"] == "status"
    unknown = await stranger.get(f"/v1/operations/{operation_id}")
    assert (unknown.http, unknown.code) == (404, 4005)
    assert (await owner.get("/v1/operations/o-0")).code == 4005


async def _restarted(
    server: TestServer, settings: Settings, clock: MovableClock
) -> web.Application:
    """Let the process die, as far as its memory goes, and return the next one."""
    await server.close()
    return create_app(settings, vault=Vault(MASTER_KEY), clock=clock)


@pytest.mark.parametrize(
    ("state", "ended", "code"),
    [
        pytest.param(State.ACCEPTED, State.FAILED, 5004, id="accepted"),
        pytest.param(State.SENT_TO_GATEWAY, State.FAILED, 5004, id="asked"),
        pytest.param(State.SENT_TO_LOCK, State.FAILED, 2007, id="handed out"),
    ],
)
async def test_process_dies(
    app: web.Application,
    server: TestServer,
    settings: Settings,
    clock: MovableClock,
    *,
    owner: Client,
    home: Gateway,
    door: Door,
    state: State,
    ended: State,
    code: int,
) -> None:
    """What a dead process left behind ends honestly; the same mid is never executed again."""
    assert home
    body = unlock(clock) | {"mid": "01JD8Z0000000000000000000A"}
    now = int(clock())
    operation = store.Operation(
        operation_id="o-1",
        device_id=door.device_id,
        user_id=owner.user_id,
        actor=f"user:{owner.user_id}",
        mid=body["mid"],
        command="unlock",
        expires=now + 15,
        state=state,
        created=now,
        changed=now,
    )
    store.save(app[DATABASE], operation)

    again = await _restarted(server, settings, clock)
    async with TestServer(again) as running:
        caller = Client(owner.session, str(running.make_url("/")), owner.outbox)
        caller.token = owner.token
        repeated = await operate(caller, door, body)
        found = await shown(caller, "o-1")
        carrier = caller.another(home.client.token)
        carrier.gateway_id = home.id
        gateway = Gateway(carrier)
        busy = await _query(gateway, door)
        clock.move(31)
        free = await _query(gateway, door)

    assert repeated.code == code
    assert repeated.data["operation_id"] == "o-1"
    assert (found["state"], found["result"]["code"]) == (ended, code)
    assert door.lock.show()["bolt"] == "locked"
    assert busy.code == (2006 if state is State.SENT_TO_LOCK else 0)
    assert free.data["result"]["code"] == 0


async def _query(gateway: Gateway, door: Door) -> Answer:
    """Talk to the lock for its state."""
    return await gateway.open(door, "exchange", {"do": [{"cmd": "status"}]})


async def test_other_operation_with_its_mid(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A mid stands for one operation."""
    assert home
    path = f"/v1/devices/{door.device_id}/query"
    mid = {"mid": "01JD8Z0000000000000000000B"}
    first = await owner.post(path, {"what": "status"} | mid)

    again = await owner.post(path, {"what": "status"} | mid)
    other = await owner.post(path, {"what": "log"} | mid)

    assert first.data == again.data
    assert (other.http, other.code) == (409, 4003)


def test_ends_are_ends() -> None:
    """Nothing follows an end, and what was handed out never expires."""
    for state in (State.SUCCEEDED, State.FAILED, State.EXPIRED):
        assert not NEXT[state]
    assert State.EXPIRED not in NEXT[State.SENT_TO_LOCK]
