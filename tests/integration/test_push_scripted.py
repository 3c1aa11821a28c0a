"""The push connection to a server that follows a script: handshake, order, resumption, oddities."""

import asyncio

import aiohttp
from aiohttp import web
import pytest

from custom_components.igrs.ras_errors import RasSchemaError
from tests.integration.pushing import HELLO, READY, scripted, serving

pytestmark = [
    pytest.mark.usefixtures("socket_enabled", "connects_at_once"),
    pytest.mark.timeout(20),
]


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
