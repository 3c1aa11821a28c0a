"""The air, and the stand-in lock on it."""

from collections.abc import AsyncGenerator

import pytest
import pytest_socket

from reference_devices.peripheral import Peripheral, on_air
from reference_devices.radio import RadioLink
from tests.radio.parts import EchoLock


@pytest.fixture
def local_sockets(socket_enabled: None) -> None:
    """Allow the loopback address and Unix sockets, which the test harness forbids."""
    del socket_enabled
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


@pytest.fixture
def air() -> RadioLink:
    """Return an empty air."""
    return RadioLink()


@pytest.fixture
def lock() -> EchoLock:
    """Return the stand-in lock."""
    return EchoLock()


@pytest.fixture
async def peripheral(air: RadioLink, lock: EchoLock) -> AsyncGenerator[Peripheral]:
    """Return the stand-in on the air."""
    async with on_air(lock, await air.radio(lock.device)) as peripheral:
        yield peripheral
