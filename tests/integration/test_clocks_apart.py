"""Clocks that differ by less than what is told as a trouble keep nobody out."""

import time

from homeassistant.const import ATTR_CODE, ATTR_ENTITY_ID
from homeassistant.core import Context
import pytest

from igrs_codec.bsld.frame import Bolt
from tests.integration.home import DEVICE_ID, LOCK, Home, later, until
from tests.integration.people import bea, connected

APART = 25  # seconds; more than 60 are told


async def _set(home: Home, ahead: float) -> None:
    """Set the clock of the RAS, and let the home learn it."""
    home.ras.clock.ahead = ahead
    later(home, 31)
    await until(lambda: abs((home.gateway.ras.ahead or 0) - ahead) < 2)


@pytest.mark.parametrize("ahead", [-APART, APART])
async def test_from_afar(home: Home, ahead: float) -> None:
    """Until when a remote operation is good is read on the clock that it was written by."""
    await _set(home, ahead)

    answer = await home.ras.person.post(
        f"/v1/devices/{DEVICE_ID}/operate",
        {"cmd": "unlock", "expires": int(time.time() + ahead) + 20, "wait": 20},
    )

    assert answer.code == 0
    assert home.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize("ahead", [-APART, APART])
async def test_with_a_pin(home: Home, ahead: float) -> None:
    """What the RAS is asked to do carries an end by the clock of the RAS."""
    person = await bea(home, rights=["lock", "unlock"], pin="4711")
    user = await connected(home, person.user_id)
    await _set(home, ahead)

    await home.hass.services.async_call(
        "lock",
        "unlock",
        {ATTR_ENTITY_ID: LOCK, ATTR_CODE: "4711"},
        blocking=True,
        context=Context(user_id=user.id),
    )

    assert home.lock.state.bolt is Bolt.UNLOCKED
