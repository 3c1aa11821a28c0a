"""Remote operations: the RAS decides and makes the packets, this gateway carries them."""

import asyncio
from dataclasses import replace
import time
from typing import Any

from homeassistant.const import STATE_UNKNOWN
import pytest

from igrs_codec.bsld.frame import Bolt
from ras_server.message import PUSH
from tests.integration.home import DEVICE_ID, Home, later, until
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
    await until(lambda: home.state().attributes.get("changed_by") == "Anna")
    assert home.state("event.front_door_access").attributes["user"] == "Anna"


async def control(home: Home, body: dict[str, Any], *, device_id: str = DEVICE_ID) -> Any:
    """Push a control message to the gateway, and return its first answer."""
    push, answers = home.ras.app[PUSH], asyncio.Queue[dict[str, Any]]()

    async def take(envelope: dict[str, Any], _: object) -> None:
        answers.put_nowait(envelope["body"])

    push.on(2, take)
    gateway = f"gw:{home.entry.data['gateway_id']}"
    push.publish(f"dev:{device_id}", 1, body, src="ras:n1", via=gateway)
    async with asyncio.timeout(5):
        return await answers.get()


@pytest.mark.parametrize(
    ("device_id", "body", "code"),
    [
        pytest.param("0A1B2C3D4E5F", {"cmd": "deliver"}, 2001, id="another lock"),
        pytest.param(DEVICE_ID, {"cmd": "unlock", "expires": 1}, 3003, id="too late"),
        pytest.param(DEVICE_ID, {"cmd": "dance"}, 2008, id="not known"),
    ],
)
async def test_control_refused(home: Home, device_id: str, body: dict[str, Any], code: int) -> None:
    """What cannot be carried out is answered with the reason, and no connection is made."""
    assert await control(home, body, device_id=device_id) == {"status": 1, "code": code}
    assert home.radio.traffic.connections == 0


async def test_time_on_demand(home: Home) -> None:
    """The RAS can have the clock of a lock set."""
    home.ras.clock.ahead = 61

    assert await control(home, {"cmd": "time"}) == {"status": 0, "code": 0, "accepted": True}

    role = home.lock._role
    await until(lambda: abs(role.clock.time - home.ras.clock()) < 5)


async def test_exchange_of_nobody(home: Home) -> None:
    """An exchange that the RAS does not know is accepted, tried and given up."""
    answer = await control(home, {"cmd": "unlock", "exchange": "x-none"})

    assert answer == {"status": 0, "code": 0, "accepted": True}
    await until(lambda: not home.coordinator._carrier._operations)
    assert home.lock.state.bolt is Bolt.LOCKED


async def test_rotated_keys(home: Home) -> None:
    """When the RAS says that keys rotate, new tickets are fetched."""
    before = home.coordinator.memory.tickets[1]

    home.ras.app[PUSH].publish(
        f"gw:{home.entry.data['gateway_id']}",
        8,
        {"op": "rotated", "device_id": DEVICE_ID},
        src=f"dev:{DEVICE_ID}",
    )

    await until(lambda: home.coordinator.memory.tickets[1] != before)


async def test_tickets_are_renewed(home: Home) -> None:
    """A ticket older than 6 hours is replaced while the RAS is there."""
    tickets = home.coordinator.memory.tickets
    old = tickets[1] = replace(tickets[1], issued=tickets[1].issued - 6 * 3600 - 1)
    home.coordinator._renewed_at = -301

    later(home, 31)

    await until(lambda: home.coordinator.memory.tickets[1].issued > old.issued)


async def test_event_that_makes_no_sense(home: Home) -> None:
    """What another gateway of the household says wrongly does not end the connection."""
    gateway = f"gw:{home.entry.data['gateway_id']}"
    body = {"event": "access_denied", "device_id": DEVICE_ID, "code": {"a": 1}, "user": ["x"]}
    home.ras.app[PUSH].publish(gateway, 9, body, src=f"dev:{DEVICE_ID}")

    assert (await operate(home, "unlock")).code == 0
    assert home.lock.state.bolt is Bolt.UNLOCKED
