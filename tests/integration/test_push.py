"""The push connection: handshake, order, resumption and the end of connections."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.igrs.answers import GatewayCredentials, Json, PushReady
from custom_components.igrs.push import Push
from custom_components.igrs.ras import GatewayClient
from custom_components.igrs.ras_errors import RasAuthError, RasSchemaError, RasUnreachableError
from ras_server.message.push import PUSH
from tests.integration.server import Ras

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.timeout(20)]

HELLO = {
    "op": "hello",
    "server": {"name": "RAS", "version": "9", "node": "n1"},
    "schema": {"min": 1, "max": 1},
    "heartbeat_s": 30,
    "time": 1795000000,
    "audit": {"n": 3, "hash": "ab"},
}
READY = {"op": "ready", "seq": 7, "missed": 0}


class Listener:
    """What a push connection told."""

    def __init__(self, ras: GatewayClient) -> None:
        """Listen to nothing yet."""
        self.told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.push = Push(
            ras,
            message=lambda envelope: self._keep("message", envelope),
            ready=lambda ready: self._keep("ready", ready),
            lost=lambda: self._keep("lost", None),
        )

    def _keep(self, what: str, value: Json | PushReady | None) -> None:
        self.told.put_nowait((what, value))

    async def next(self) -> tuple[str, Any]:
        """Return what is told next."""
        async with asyncio.timeout(10):
            return await self.told.get()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[asyncio.Task[None]]:
        """Keep the connection while in here."""
        task = asyncio.create_task(self.push.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connect again at once."""
    monkeypatch.setattr("custom_components.igrs.push.FIRST_DELAY", 0.01)


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """Return a session of the client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def listener(session: aiohttp.ClientSession, ras: Ras) -> Listener:
    """Return a listener that is a gateway of Anna's."""
    body = {"name": "Home", "kind": "home_assistant", "version": "1"}
    made = (await ras.person.post("/v1/gateways", body)).data
    return Listener(GatewayClient(session, ras.url, GatewayCredentials.from_json(made)))


type Script = Callable[[web.WebSocketResponse, int], Awaitable[None]]


@asynccontextmanager
async def scripted(session: aiohttp.ClientSession, script: Script) -> AsyncGenerator[Listener]:
    """Run a server whose connections follow a script, given the socket and its number."""
    connections = 0

    async def push(request: web.Request) -> web.WebSocketResponse:
        nonlocal connections
        connections += 1
        socket = web.WebSocketResponse(protocols=("rump.v1",))
        await socket.prepare(request)
        await script(socket, connections)
        return socket

    async with serving(session, push) as listener:
        yield listener


@asynccontextmanager
async def serving(
    session: aiohttp.ClientSession,
    push: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncGenerator[Listener]:
    """Run a server with its own idea of a push connection, and a new token for each login."""
    tokens = count()

    async def token(_: web.Request) -> web.Response:
        tokens_of_login = {"access_token": f"t{next(tokens)}", "expires_in": 900}
        return web.json_response({"code": 0, "data": tokens_of_login})

    app = web.Application()
    app.add_routes([web.get("/v1/push", push), web.post("/v1/auth/gateway", token)])
    async with TestServer(app) as server:
        credentials = GatewayCredentials(gateway_id="g-1", gateway_secret="s")
        yield Listener(GatewayClient(session, str(server.make_url("/")), credentials))


async def test_messages_of_the_server(listener: Listener, ras: Ras) -> None:
    """Messages arrive in order, are acknowledged, and what was missed comes later."""
    address = f"gw:{listener.push._ras.gateway_id}"
    push = ras.app[PUSH]

    async with listener.running():
        what, ready = await listener.next()
        assert (what, ready.reset) == ("ready", False)
        assert abs(ready.time - ras.clock()) < 5
        first = push.publish(address, 8, {"op": "added"}, src="ras:n1")
        second = push.publish(address, 8, {"op": "removed"}, src="ras:n1")
        assert [(await listener.next())[1]["mid"] for _ in range(2)] == [first, second]

    assert await listener.next() == ("lost", None)
    missed = push.publish(address, 8, {"op": "renamed"}, src="ras:n1")
    async with listener.running():
        assert (await listener.next())[0] == "ready"
        assert (await listener.next())[1]["mid"] == missed


async def test_message_to_the_server(listener: Listener, ras: Ras) -> None:
    """What the gateway sends arrives with its own address as the sender."""
    arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(envelope: dict[str, Any], _: object) -> None:
        arrived.put_nowait(envelope)

    ras.app[PUSH].on(10, take)
    with pytest.raises(RasUnreachableError):
        await listener.push.send(10, {"online": True}, dst="ras:n1")

    async with listener.running():
        await listener.next()
        mid = await listener.push.send(10, {"online": True}, dst="ras:n1", re=None)
        async with asyncio.timeout(10):
            envelope = await arrived.get()

    assert envelope["mid"] == mid
    assert envelope["body"] == {"online": True}
    assert envelope["src"] == f"gw:{listener.push._ras.gateway_id}"


async def test_removed_gateway(listener: Listener, ras: Ras) -> None:
    """A gateway that was removed is told so, and asks for a new login."""
    async with listener.running() as task:
        await listener.next()
        await ras.person.request("DELETE", f"/v1/gateways/{listener.push._ras.gateway_id}")
        assert await listener.next() == ("lost", None)
        with pytest.raises(RasAuthError):
            await task


async def test_lost_token(listener: Listener, ras: Ras) -> None:
    """A token that ended between two connections is renewed."""
    async with listener.running():
        await listener.next()
    await listener.next()
    ras.clock.ahead = 1000

    async with listener.running():
        assert (await listener.next())[0] == "ready"


async def test_server_down(listener: Listener, ras: Ras) -> None:
    """While the server is away the gateway tries again, and connects when it is back."""
    await listener.push._ras.access_token()
    listener.push._ras.base_url = listener.push._ras.base_url.with_port(1)

    async with listener.running() as task:
        await asyncio.sleep(0.05)
        assert not task.done()
        listener.push._ras.base_url = listener.push._ras.base_url.with_port(
            int(ras.url.rpartition(":")[2])
        )
        assert (await listener.next())[0] == "ready"


async def test_connections_that_do_not_last(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that throws us out each time is asked less and less often."""
    monkeypatch.setattr("custom_components.igrs.push.FIRST_DELAY", 0.05)
    monkeypatch.setattr("custom_components.igrs.push.LONGEST_DELAY", 0.2)
    times = []

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        times.append(asyncio.get_running_loop().time())
        await socket.send_json(HELLO)
        await socket.receive_json()
        await socket.send_json(READY)
        await socket.close(code=4409)

    async with scripted(session, script) as listener, listener.running():
        for _ in range(5):
            assert (await listener.next())[0] == "ready"
            assert (await listener.next())[0] == "lost"

    assert times[4] - times[0] >= 0.5 * (0.05 + 0.1 + 0.2 + 0.2)


async def test_proxy_without_server(session: aiohttp.ClientSession) -> None:
    """A proxy that answers for a missing server is no server: another try is made."""
    tries = []

    async def push(request: web.Request) -> web.StreamResponse:
        tries.append(request)
        if len(tries) == 1:
            return web.Response(status=502)
        socket = web.WebSocketResponse(protocols=("rump.v1",))
        await socket.prepare(request)
        await socket.send_json(HELLO)
        await socket.receive_json()
        await socket.send_json(READY)
        await socket.receive()
        return socket

    async with serving(session, push) as listener, listener.running():
        assert (await listener.next())[0] == "ready"


async def test_sending_on_a_dead_connection(listener: Listener) -> None:
    """What cannot be sent is an error, not silence."""
    async with listener.running():
        await listener.next()
        assert listener.push._socket is not None
        listener.push._socket._response.close()

        with pytest.raises(RasUnreachableError):
            await listener.push.send(10, {"online": True}, dst="ras:n1")


async def test_repeated_message(session: aiohttp.ClientSession) -> None:
    """A message that comes twice is handed on once, but acknowledged twice."""
    acknowledged = []

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        await socket.send_json(HELLO)
        start = await socket.receive_json()
        assert (start["op"], start["role"], start["after"]) == ("start", "gateway", None)
        await socket.send_json(READY)
        for seq, mid in ((8, "a"), (9, "a"), (10, "b")):
            await socket.send_json({"op": "msg", "msg": {"seq": seq, "mid": mid}})
            acknowledged.append(await socket.receive_json())
        await socket.receive()

    async with scripted(session, script) as listener, listener.running():
        told = [await listener.next() for _ in range(3)]

    assert [what for what, _ in told] == ["ready", "message", "message"]
    assert [envelope["seq"] for _, envelope in told[1:]] == [8, 10]
    assert acknowledged == [{"op": "ack", "seq": seq} for seq in (8, 9, 10)]


async def test_resumes(session: aiohttp.ClientSession) -> None:
    """A new connection goes on after the last message; a reset makes a new beginning."""
    after = []

    async def script(socket: web.WebSocketResponse, number: int) -> None:
        await socket.send_json(HELLO)
        after.append((await socket.receive_json())["after"])
        match number:
            case 1:
                await socket.send_json({"op": "ready", "seq": 7, "missed": 2})
            case 2:
                await socket.send_json({"op": "ready", "seq": 7, "missed": 2})
                await socket.send_json({"op": "msg", "msg": {"seq": 6, "mid": "a"}})
                await socket.receive_json()
            case 3:
                await socket.send_json({"op": "reset", "seq": 99})
            case _:
                await socket.send_json(READY)
                await socket.receive()

    async with scripted(session, script) as listener, listener.running():
        resets: list[bool] = []
        while len(resets) < 4:
            what, value = await listener.next()
            if what == "ready":
                resets.append(value.reset)

    assert after == [None, 5, 6, 99]
    assert resets == [False, False, True, False]


async def test_revoked_token(session: aiohttp.ClientSession) -> None:
    """After the close code for a revoked token another one is fetched."""

    async def script(socket: web.WebSocketResponse, number: int) -> None:
        await socket.send_json(HELLO)
        await socket.receive_json()
        await socket.send_json(READY)
        if number == 1:
            await socket.close(code=4401)
        else:
            await socket.receive()

    async with scripted(session, script) as listener, listener.running():
        token = await listener.push._ras.access_token()
        assert [(await listener.next())[0] for _ in range(3)] == ["ready", "lost", "ready"]
        assert await listener.push._ras.access_token() != token


@pytest.mark.parametrize(
    ("schema", "too_old"),
    [({"min": 0, "max": 0}, True), ({"min": 2, "max": 2}, False)],
)
async def test_other_schema(
    session: aiohttp.ClientSession, schema: dict[str, int], *, too_old: bool
) -> None:
    """A server that was updated past us, or not yet, ends the attempts."""

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        await socket.send_json(HELLO | {"schema": schema})
        await socket.receive()

    async with scripted(session, script) as listener:
        with pytest.raises(RasSchemaError) as err:
            await listener.push.run()

    assert err.value.too_old is too_old


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("no json", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"op": "hello"}', id="members missing"),
        pytest.param('{"op": "hello", "schema": 1}', id="wrong type"),
    ],
)
async def test_nonsense(session: aiohttp.ClientSession, message: str) -> None:
    """A server that talks nonsense is left, and tried again."""

    async def script(socket: web.WebSocketResponse, number: int) -> None:
        if number == 1:
            await socket.send_str(message)
        else:
            await socket.send_json(HELLO)
            await socket.receive_json()
            await socket.send_json(READY)
        await socket.receive()

    async with scripted(session, script) as listener, listener.running():
        assert (await listener.next())[0] == "ready"


async def test_silent_server(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that says nothing at first is left, and tried again."""
    monkeypatch.setattr("custom_components.igrs.push.HANDSHAKE_TIMEOUT", 0.05)

    async def script(socket: web.WebSocketResponse, number: int) -> None:
        if number > 1:
            await socket.send_json(HELLO)
            await socket.receive_json()
            await socket.send_json(READY)
        await socket.receive()

    async with scripted(session, script) as listener, listener.running():
        assert (await listener.next())[0] == "ready"


async def test_dead_connection(session: aiohttp.ClientSession) -> None:
    """Two heartbeats without a word end a connection; a ping is answered and asked."""
    heard = []

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        await socket.send_json(HELLO | {"heartbeat_s": 0.05})
        await socket.receive_json()
        await socket.send_json(READY)
        await socket.send_json({"op": "ping", "t": 5})
        heard.extend([message.json() async for message in socket])

    async with scripted(session, script) as listener, listener.running():
        assert [(await listener.next())[0] for _ in range(2)] == ["ready", "lost"]

    assert heard[0] == {"op": "pong", "t": 5}
    assert [message["op"] for message in heard[1:3]] == ["ping", "ping"]


async def test_pong_keeps_the_connection(session: aiohttp.ClientSession) -> None:
    """A server that answers pings is alive."""
    pongs = asyncio.Event()

    async def script(socket: web.WebSocketResponse, _: int) -> None:
        await socket.send_json(HELLO | {"heartbeat_s": 0.05})
        await socket.receive_json()
        await socket.send_json(READY)
        for _ in range(5):
            ping = await socket.receive_json()
            await socket.send_json({"op": "pong", "t": ping["t"]})
        pongs.set()
        await socket.receive()

    async with scripted(session, script) as listener, listener.running():
        async with asyncio.timeout(10):
            await pongs.wait()
        assert [(await listener.next())[0]] == ["ready"]
        assert listener.told.empty()
