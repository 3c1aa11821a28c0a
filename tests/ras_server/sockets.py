"""A client of the push socket for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientWebSocketResponse

from tests.ras_server.client import Client, mid

START = {"op": "start", "schema": 1, "role": "gateway", "client": {"name": "t", "version": "1"}}


class Socket:
    """A push connection."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        """Speak over an open WebSocket."""
        self.socket = socket

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self.socket.send_json(message)

    async def hear(self) -> dict[str, Any]:
        """Return the next message."""
        heard: dict[str, Any] = await self.socket.receive_json(timeout=5)
        return heard

    async def envelope(self) -> dict[str, Any]:
        """Return the envelope of the next message."""
        heard = await self.hear()
        assert heard["op"] == "msg", heard
        envelope: dict[str, Any] = heard["msg"]
        return envelope

    async def closed(self) -> int | None:
        """Wait until the server closes, and return its code."""
        while not self.socket.closed:
            await self.socket.receive(timeout=5)
        return self.socket.close_code

    async def send(self, **fields: Any) -> str:
        """Send an envelope, and return its mid."""
        envelope = {
            "v": 1,
            "mid": mid(),
            "re": None,
            "ts": 1795000000,
            "src": None,
            "dst": "ras:n1",
            "dt": "lock",
            "mi": 3,
            "ack": False,
            "body": {},
        } | fields
        await self.say(op="msg", msg=envelope)
        return str(envelope["mid"])


@asynccontextmanager
async def connected(client: Client, **headers: str) -> AsyncIterator[Socket]:
    """Open a push connection; nothing is said yet."""
    async with client.session.ws_connect(
        f"{client.url}/v1/push", protocols=("rump.v1",), headers=client.headers | headers
    ) as socket:
        yield Socket(socket)


@asynccontextmanager
async def started(
    client: Client, *, role: str = "gateway", after: int | None = None
) -> AsyncIterator[tuple[Socket, dict[str, Any]]]:
    """Open a push connection and shake hands; also return the server's answer."""
    async with connected(client) as socket:
        await socket.hear()
        await socket.say(**START | {"role": role, "after": after})
        yield socket, await socket.hear()
