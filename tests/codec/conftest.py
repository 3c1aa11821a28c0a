"""A registered lock and a gateway, in one virtual time."""

import pytest

from tests.codec.world import Gateway, World


@pytest.fixture
def world() -> World:
    """Return a registered lock with a set clock."""
    return World()


@pytest.fixture
def gateway(world: World) -> Gateway:
    """Return a gateway with a ticket, on a fresh link."""
    return Gateway(world)
