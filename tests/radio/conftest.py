"""The air, and the stand-in lock on it."""

from collections.abc import AsyncGenerator

import pytest

from reference_devices.peripheral import Peripheral, on_air
from reference_devices.radio import RadioLink
from tests.radio.parts import EchoLock


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
