"""A push connection and what it tells; servers with their own idea of one."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from custom_components.igrs.answers import GatewayCredentials, Json, PushReady
from custom_components.igrs.push import Push
from custom_components.igrs.ras import GatewayClient

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
            mistrusted=lambda: self._keep("mistrusted", None),
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
