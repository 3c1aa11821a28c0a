"""Connections that bring no request: they are closed, whatever they trickle in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import cycle

from aiohttp import web
import pytest

from ras_server import serve
from ras_server.serve import administrable
from ras_server.settings import Settings
from tests.ras_server.conftest import MASTER_KEY

SHORT = 0.4  # seconds
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: ras\r\n\r\n"

type Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def connection(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connection]:
    """Return a connection to a server as `ras serve` runs it, with little patience."""
    settings.master_key.write_text(MASTER_KEY.hex())
    monkeypatch.setattr(serve, "HEAD_TIME", SHORT)
    async with administrable(settings) as runner:
        site = web.TCPSite(runner, settings.host, 0)
        await site.start()
        host, port = next(each[:2] for each in runner.addresses if isinstance(each, tuple))
        reader, writer = await asyncio.open_connection(host, port)
        yield reader, writer
        writer.close()


async def ask(connection: Connection) -> bytes:
    """Make a request on an open connection, and return the status line."""
    reader, writer = connection
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.splitlines() if line.startswith(b"Content-Length"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return head.partition(b"\r\n")[0]


async def closed_after(connection: Connection) -> float:
    """Wait until the server closes the connection; return the seconds that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(10):
        with suppress(ConnectionError):
            assert await connection[0].read() == b""
    return loop.time() - began


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Send a request that never ends, slowly."""
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: ras\r\n")
    for letter in cycle(b"X-Slow: yes\r\n"):
        writer.write(bytes((letter,)))
        await asyncio.sleep(SHORT / 20)


async def test_nothing_comes(connection: Connection) -> None:
    """A connection without a request ends."""
    assert SHORT / 2 < await closed_after(connection) < 5


@pytest.mark.parametrize("answered", [0, 1])
async def test_headers_trickle_in(connection: Connection, answered: int) -> None:
    """A head that comes byte by byte is not waited for, on a connection that was good before."""
    for _ in range(answered):
        assert await ask(connection) == b"HTTP/1.1 200 OK"

    slow = asyncio.create_task(trickle(connection[1]))
    took = await closed_after(connection)
    slow.cancel()

    assert took < 5


async def test_in_time(connection: Connection) -> None:
    """Who asks in time keeps the connection for longer than that."""
    for _ in range(4):
        assert await ask(connection) == b"HTTP/1.1 200 OK"
        await asyncio.sleep(SHORT / 2)
