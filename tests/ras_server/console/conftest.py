"""A visitor of the console, and the home of its owner."""

from collections.abc import AsyncIterator

from aiohttp.test_utils import TestServer
import pytest

from tests.ras_server.application.conftest import door, gateway, home, owner
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import ANNA, Client, Outbox
from tests.ras_server.console.reader import Reader

__all__ = ["door", "gateway", "home", "owner"]


@pytest.fixture
async def reader(server: TestServer, outbox: Outbox, client: Client) -> AsyncIterator[Reader]:
    """Return a browser at the server."""
    reader = Reader(str(server.make_url("/")), outbox)
    async with reader.session:
        yield reader


@pytest.fixture
async def anna(reader: Reader, home: Gateway) -> Reader:
    """Return the browser of the owner of a lock."""
    assert home
    await reader.log_in(ANNA)
    return reader


@pytest.fixture
def path(door: Door) -> str:
    """Return the page of the lock."""
    return f"/console/locks/{door.device_id}"
