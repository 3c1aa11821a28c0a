"""Remote operations: the RAS decides and makes the packets, this gateway carries them."""

import asyncio
import time

from homeassistant.const import STATE_UNKNOWN
import pytest

from igrs_codec.bsld.frame import Bolt
from tests.integration.home import DEVICE_ID, Home, until
from tests.ras_server.client import Answer


async def operate(home: Home, cmd: str) -> Answer:
    """Operate as Anna does from far away."""
    return await home.ras.person.post(
        f"/v1/devices/{DEVICE_ID}/operate",
        {"cmd": cmd, "expires": int(time.time()) + 20, "wait": 20},
    )


async def test_remote_unlock(home: Home) -> None:
    """Another client's unlock goes through this gateway, and its result back."""
    answer = await operate(home, "unlock")

    assert (answer.http, answer.code) == (200, 0)
    assert answer.data["result"]["state"]["bolt"] == "unlocked"
    assert home.lock.state.bolt is Bolt.UNLOCKED
    await home.until_state("unlocked")


async def test_remote_after_local(home: Home) -> None:
    """A link that is kept for local use makes way for the RAS's own session."""
    await home.call("unlock")

    answer = await operate(home, "lock")

    assert answer.code == 0
    await home.until_state("locked")
    await home.call("unlock")
    assert home.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 1.0}], ids=["slow"])
async def test_remote_while_busy(home: Home) -> None:
    """While a local operation runs a remote one is answered busy."""
    local = asyncio.ensure_future(home.call("unlock"))
    await until(lambda: home.lock.state.bolt is Bolt.UNLOCKING)

    answer = await operate(home, "lock")

    assert answer.code == 2006
    await local
    assert home.lock.state.bolt is Bolt.UNLOCKED


async def test_remote_out_of_reach(home: Home) -> None:
    """A gateway that cannot connect says so, and the caller is told."""
    home.radio.faults.refuse_connections = 2

    answer = await operate(home, "unlock")

    assert answer.code == 2005
    assert home.lock.state.bolt is Bolt.LOCKED


async def test_remote_event_has_a_name(home: Home) -> None:
    """The record of a remote operation says who it was, by name once the RAS told it."""
    await operate(home, "unlock")
    await until(lambda: home.state("event.front_door_access").state != STATE_UNKNOWN)

    await until(lambda: "Anna" in home.gateway.memory.names.values())
    await operate(home, "lock")
    await until(lambda: home.state().attributes["changed_by"] == "Anna")
    assert home.state("event.front_door_access").attributes["user"] == "Anna"
