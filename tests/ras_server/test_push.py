"""Message push: the handshake, the order, going on after a break, and the close codes."""

import asyncio
from typing import Any

from aiohttp import WSCloseCode, WSServerHandshakeError, web
import pytest

from ras_server.errors import Code, RasError
from ras_server.keys import DATABASE
from ras_server.message import push as push_module, socket as socket_module
from ras_server.message.push import PUSH
from ras_server.principal import Principal
from ras_server.store import messages
from tests.ras_server.client import ANNA, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.sockets import START, connected, started


@pytest.fixture
async def user(client: Client) -> Client:
    """Return a user who is logged in."""
    return await client.enter(ANNA)


@pytest.fixture
async def gateway(user: Client) -> Client:
    """Return a gateway of the user."""
    return await user.gateway()


def say(app: web.Application, gateway: Client, number: int) -> str:
    """Publish a numbered message for a gateway."""
    return app[PUSH].publish(f"gw:{gateway.gateway_id}", 1, {"number": number}, src="ras:n1")


async def test_handshake(gateway: Client) -> None:
    """The server speaks first, and tells what a client needs before it says anything."""
    async with connected(gateway) as socket:
        hello = await socket.hear()
        await socket.say(**START)
        ready = await socket.hear()

    assert hello["op"] == "hello"
    assert hello["schema"] == {"min": 1, "max": 1}
    assert hello["audit"]["n"] > 0
    assert len(hello["audit"]["hash"]) == 64
    assert socket.socket.protocol == "rump.v1"
    assert ready == {"op": "ready", "seq": 0, "missed": 0}


async def test_token_as_first_message(gateway: Client) -> None:
    """A browser, which cannot set the header, says its token after the hello."""
    async with connected(gateway.another()) as socket:
        await socket.hear()
        await socket.say(op="auth", token=gateway.token)
        await socket.say(**START)
        ready = await socket.hear()

    assert ready["op"] == "ready"


@pytest.mark.parametrize(
    ("first", "code"),
    [
        pytest.param({"op": "auth", "token": "nonsense"}, 4401, id="wrong token"),
        pytest.param(START, 4401, id="no token"),
    ],
)
async def test_without_token(client: Client, first: dict[str, Any], code: int) -> None:
    """Nobody gets past the hello without a token."""
    async with connected(client) as socket:
        await socket.hear()
        await socket.say(**first)
        assert await socket.closed() == code


async def test_expired_token(gateway: Client, clock: MovableClock) -> None:
    """A token that has expired is refused before the connection is made."""
    clock.move(900)

    with pytest.raises(WSServerHandshakeError) as refused:
        async with connected(gateway):
            pass

    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("start", "code"),
    [
        pytest.param(START | {"schema": 2}, 4406, id="schema"),
        pytest.param(START | {"role": "user"}, 4403, id="role of somebody else"),
        pytest.param({"op": "ack", "seq": 1}, 4408, id="no start"),
    ],
)
async def test_refused_start(gateway: Client, start: dict[str, Any], code: int) -> None:
    """A start that cannot be served closes the socket with the code that says why."""
    async with connected(gateway) as socket:
        await socket.hear()
        await socket.say(**start)
        assert await socket.closed() == code


async def test_silence_before_start(gateway: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not start in time is disconnected."""
    monkeypatch.setattr(socket_module, "START_TIMEOUT", 0.01)

    async with connected(gateway) as socket:
        assert await socket.closed() == 4408


async def test_order(app: web.Application, gateway: Client) -> None:
    """Messages arrive in the order of their numbers, without a gap."""
    async with started(gateway) as (socket, _):
        for number in range(120):
            say(app, gateway, number)
        heard = [await socket.envelope() for _ in range(120)]

    assert [envelope["body"]["number"] for envelope in heard] == list(range(120))
    assert [envelope["seq"] for envelope in heard] == list(range(1, 121))


async def test_window(
    app: web.Application, gateway: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that acknowledges nothing is not sent more than the window; an ack opens it."""
    monkeypatch.setattr(socket_module, "WINDOW", 3)

    async with started(gateway) as (socket, _):
        for number in range(5):
            say(app, gateway, number)
        first = [(await socket.envelope())["seq"] for _ in range(3)]
        await socket.say(op="ping", t=1)
        pong = await socket.hear()
        await socket.say(op="ack", seq=3)
        rest = [(await socket.envelope())["seq"] for _ in range(2)]

    assert first == [1, 2, 3]
    assert pong == {"op": "pong", "t": 1}
    assert rest == [4, 5]


async def test_resume(app: web.Application, gateway: Client) -> None:
    """After a break a client gets what it missed, in order, and nothing twice."""
    async with started(gateway) as (socket, _):
        say(app, gateway, 1)
        seen = (await socket.envelope())["seq"]
    say(app, gateway, 2)
    say(app, gateway, 3)

    async with started(gateway, after=seen) as (socket, ready):
        heard = [(await socket.envelope())["body"]["number"] for _ in range(2)]

    assert ready == {"op": "ready", "seq": 3, "missed": 2}
    assert heard == [2, 3]


async def test_first_connection_starts_now(app: web.Application, gateway: Client) -> None:
    """A client without a number gets only what comes from now on."""
    say(app, gateway, 1)

    async with started(gateway) as (socket, ready):
        say(app, gateway, 2)
        heard = await socket.envelope()

    assert ready == {"op": "ready", "seq": 1, "missed": 0}
    assert heard["body"]["number"] == 2


@pytest.mark.parametrize("after", [0, 99])
async def test_reset(app: web.Application, gateway: Client, after: int) -> None:
    """A client whose next message is no longer kept, or never was, is told to read again."""
    for number in range(3):
        say(app, gateway, number)
    messages.forget(app[DATABASE], before=2**40)

    async with started(gateway, after=after) as (_, answer):
        pass

    assert answer == {"op": "reset", "seq": 3}


async def test_up_to_date_after_forgetting(app: web.Application, gateway: Client) -> None:
    """A client that has seen everything goes on, even if all of it has been dropped since."""
    say(app, gateway, 1)
    messages.forget(app[DATABASE], before=2**40)

    async with started(gateway, after=1) as (_, answer):
        pass

    assert answer == {"op": "ready", "seq": 1, "missed": 0}


async def test_one_connection_per_gateway(gateway: Client) -> None:
    """The newer connection of a gateway replaces the older one."""
    async with started(gateway) as (older, _), started(gateway) as (newer, _):
        assert await older.closed() == 4409
        await newer.say(op="ping", t=7)
        assert await newer.hear() == {"op": "pong", "t": 7}


async def test_many_connections_per_user(app: web.Application, user: Client) -> None:
    """A user may be connected several times, and each connection gets everything."""
    async with (
        started(user, role="user") as (first, _),
        started(user, role="user") as (second, _),
    ):
        app[PUSH].publish(f"user:{user.user_id}", 3, {"x": 1}, src="dev:A1B2C3D4E5F6")
        assert (await first.envelope())["body"] == (await second.envelope())["body"] == {"x": 1}


async def test_presence(user: Client, gateway: Client) -> None:
    """The owner hears when his gateway comes and goes."""
    async with started(user, role="user") as (owner, _):
        async with started(gateway):
            came = await owner.envelope()
            shown = await user.get(f"/v1/gateways/{gateway.gateway_id}")
        went = await owner.envelope()

    assert (came["mi"], came["src"]) == (10, f"gw:{gateway.gateway_id}")
    assert came["body"] == {"online": True}
    assert shown.data["online"] is True
    assert went["body"] == {"online": False}


async def test_outlives_its_token(
    app: web.Application, gateway: Client, clock: MovableClock
) -> None:
    """A connection lives on when the access token it began with has expired."""
    async with started(gateway) as (socket, _):
        clock.move(3600)
        say(app, gateway, 1)
        assert (await socket.envelope())["body"] == {"number": 1}


async def test_revoked(user: Client, gateway: Client) -> None:
    """The connection of a gateway that is removed is closed at once."""
    async with started(gateway) as (socket, _):
        removed = await user.request("DELETE", f"/v1/gateways/{gateway.gateway_id}")
        assert removed.http == 200
        assert await socket.closed() == 4401


async def test_logout_closes(user: Client) -> None:
    """Logging out closes the connections of this login."""
    async with started(user, role="user") as (socket, _):
        await user.post("/v1/auth/logout")
        assert await socket.closed() == 4401


async def test_too_large(gateway: Client) -> None:
    """A message of more than 64 KiB closes the connection."""
    async with started(gateway) as (socket, _):
        await socket.say(op="msg", msg={"body": "x" * 65536})
        assert await socket.closed() == 4413


async def test_too_fast(gateway: Client, clock: MovableClock) -> None:
    """Who floods the server is disconnected."""
    clock.stop()
    async with started(gateway) as (socket, _):
        for _ in range(600):
            await socket.say(op="ack", seq=0)
        assert await socket.closed() == 4429


async def test_silent_client(gateway: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that answers no heartbeat is disconnected, and counts as offline."""
    monkeypatch.setattr(socket_module, "HEARTBEAT", 0.05)

    async with started(gateway) as (socket, _):
        ping = await socket.hear()
        await socket.closed()

    assert ping["op"] == "ping"


async def test_talkative_client(gateway: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that answers the heartbeats stays, however long."""
    monkeypatch.setattr(socket_module, "HEARTBEAT", 0.02)

    async with started(gateway) as (socket, _):
        for _ in range(5):
            ping = await socket.hear()
            assert ping["op"] == "ping"
            await socket.say(op="pong", t=ping["t"])
        assert not socket.socket.closed


async def test_sending_fails(
    app: web.Application, gateway: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection whose messages cannot be read is closed, and tells the client to come again."""
    async with started(gateway) as (socket, _):

        def fail(*_: object) -> None:
            raise OSError

        monkeypatch.setattr(socket_module.messages, "after", fail)
        say(app, gateway, 1)
        assert await socket.closed() == WSCloseCode.INTERNAL_ERROR


async def test_leaving(app: web.Application, gateway: Client) -> None:
    """A server that stops says so to everybody."""
    async with started(gateway) as (socket, _):
        await app.shutdown()
        assert await socket.closed() == 4503


async def test_incoming(app: web.Application, gateway: Client) -> None:
    """An incoming message reaches its handler once, signed with its true sender."""
    taken = asyncio.Queue[dict[str, Any]]()

    async def handler(envelope: dict[str, Any], _: Principal) -> None:
        taken.put_nowait(envelope)

    app[PUSH].on(3, handler)

    async with started(gateway) as (socket, _):
        mid = await socket.send(src="user:u-somebody", body={"state": {}})
        await socket.send(mid=mid)
        await socket.send(src="dev:A1B2C3D4E5F6", via="gw:g-somebody", ack=True)
        answer = await socket.envelope()

    first, second = taken.get_nowait(), taken.get_nowait()
    me = f"gw:{gateway.gateway_id}"
    assert taken.empty()
    assert (first["mid"], first["src"], first["via"]) == (mid, me, None)
    assert (second["src"], second["via"]) == ("dev:A1B2C3D4E5F6", me)
    assert (answer["mi"], answer["body"]) == (2, {"status": 0, "code": 0})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"mi": 99}, 4002, id="kind"),
        pytest.param({"v": 2}, 4006, id="version"),
        pytest.param({"body": []}, 4001, id="body"),
        pytest.param({"dst": None}, 4001, id="destination"),
        pytest.param({"mi": 8}, 2008, id="nobody takes it"),
        pytest.param({"mi": 4}, 3001, id="refused by its handler"),
    ],
)
async def test_bad_envelope(
    app: web.Application, gateway: Client, fields: dict[str, Any], code: int
) -> None:
    """What is wrong with an envelope is answered with its mid."""

    async def refuse(_: dict[str, Any], __: Principal) -> None:
        raise RasError(Code.NOT_PERMITTED, "No")

    app[PUSH].on(4, refuse)

    async with started(gateway) as (socket, _):
        mid = await socket.send(**fields)
        answer = await socket.envelope()

    assert (answer["re"], answer["mi"]) == (mid, 2)
    assert answer["body"] == {"status": 1, "code": code}


async def test_by_way_of_a_gateway(app: web.Application, gateway: Client) -> None:
    """A message to a device goes to the gateway it is sent through."""
    device, address = "dev:A1B2C3D4E5F6", f"gw:{gateway.gateway_id}"

    async with started(gateway) as (socket, _):
        app[PUSH].publish(device, 1, {"cmd": "unlock"}, src="user:u-1", via=address)
        envelope = await socket.envelope()

    assert (envelope["dst"], envelope["via"]) == (device, address)


def test_kept_for_a_week() -> None:
    """Messages are kept for seven days."""
    assert push_module.KEPT == 604800
