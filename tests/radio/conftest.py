"""The air, and the stand-in lock on it."""

from collections.abc import AsyncGenerator

from aioesphomeapi import APIClient
import pytest
import pytest_socket

from reference_devices.peripheral import Peripheral, on_air
from reference_devices.proxy import BluetoothProxy, serve_proxy
from reference_devices.radio import RadioLink
from tests.radio.parts import IDENTITY, EchoLock


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


@pytest.fixture
async def proxy(air: RadioLink) -> AsyncGenerator[BluetoothProxy]:
    """Return a proxy with two slots, which gives up to connect soon."""
    async with serve_proxy(
        await air.radio(), IDENTITY, port=0, slots=2, connect_timeout=0.3
    ) as proxy:
        yield proxy


@pytest.fixture
async def api(proxy: BluetoothProxy) -> AsyncGenerator[APIClient]:
    """Return a connected client."""
    client = APIClient("127.0.0.1", proxy.port, None)
    await client.connect(login=True)
    yield client
    await client.disconnect()
