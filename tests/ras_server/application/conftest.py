"""A lock, its owner, and the owner's gateway."""

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock


@pytest.fixture
def door(clock: MovableClock) -> Door:
    """Return a new lock whose pairing window is open."""
    door = Door(clock)
    door.lock.press_button(1)
    return door


@pytest.fixture
async def owner(client: Client) -> Client:
    """Return a person who is logged in."""
    return await client.enter("anna@example.org")


@pytest.fixture
async def gateway(owner: Client) -> Gateway:
    """Return the gateway of that person."""
    return Gateway(await owner.gateway())


@pytest.fixture
async def home(gateway: Gateway, door: Door) -> Gateway:
    """Return the gateway of a home whose lock is registered."""
    answer = await gateway.register(door)
    assert answer.data["result"]["code"] == 0, answer
    await gateway.see(door)
    return gateway
