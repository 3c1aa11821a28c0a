"""What the RAS has carried over a link: how it ends, and what its answers are worth."""

import asyncio
import time
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.igrs.answers import LogReceipt, Outcome, read
from custom_components.igrs.igrs_codec.bsld.frame import Operation
from custom_components.igrs.ras_errors import RasUnreachableError
from igrs_codec.bsld.frame import Bolt, Operation as LockOperation
from ras_server.application.locks import Locks
from ras_server.errors import Code, RasError
from tests.integration.bumble_client import BumbleClient
from tests.integration.home import DEVICE_ID, Home, until
from tests.ras_server.client import Answer


async def from_afar(home: Home, cmd: str) -> Answer:
    """Operate through the server."""
    return await home.ras.person.post(
        f"/v1/devices/{DEVICE_ID}/operate",
        {"cmd": cmd, "expires": int(time.time()) + 20, "wait": 20},
    )


async def test_link_of_an_exchange_that_failed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A HELLO under which the RAS would set no clock is not kept for what needs the clock."""

    def refuse(*_: object) -> None:
        raise RasError(Code.RATE_LIMITED, "Too many time frames", retry_after=60)

    monkeypatch.setattr(Locks, "take_time_frame", refuse)
    home.peripheral.power_cycle()
    await until(lambda: not home.radio.clients)
    with pytest.raises(HomeAssistantError, match="now and then"):
        await home.hass.services.async_call(
            "button", "press", {ATTR_ENTITY_ID: "button.front_door_set_clock"}, blocking=True
        )
    monkeypatch.setattr(Locks, "take_time_frame", lambda *_: None)

    await home.call("unlock")

    assert home.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize(
    "result",
    [{}, {"code": 0}, {"code": 0, "state": {}}, {"code": "no"}, [], {"code": 0, "state": []}],
)
async def test_outcome_that_nobody_understands(
    home: Home, monkeypatch: pytest.MonkeyPatch, result: Any
) -> None:
    """An operation of which the RAS says nothing that makes sense is one of unknown end."""

    async def ask(*_: object, **__: object) -> dict[str, Any]:
        return {"result": result}

    monkeypatch.setattr(home.gateway.ras, "ask", ask)
    home.gateway.online = False

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.coordinator._operations._async_through_ras(Operation.UNLOCK, "u-bea", None)


def test_outcome() -> None:
    """What was done has the number of its record; what was not has a code."""
    done = {"status": 0, "code": 0, "state": {"bolt": "unlocked", "event": 7}}

    assert read(Outcome.from_json, done) == Outcome(code=0, record=7)
    assert read(Outcome.from_json, {"status": 1, "code": 2012}) == Outcome(code=2012, record=None)


def test_answer_that_is_too_short() -> None:
    """A list that is too short is no answer of a RAS either."""
    with pytest.raises(RasUnreachableError):
        read(LogReceipt.from_json, {"next": 1, "gap": [], "records": []})


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.3}], ids=["slow"])
async def test_end_of_a_movement_without_a_clock(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a lock without a clock does is followed on the link on which it was asked for."""

    def refuse(*_: object) -> None:
        raise RasError(Code.RATE_LIMITED, "Too many time frames", retry_after=60)

    home.lock.turn_knob(LockOperation.UNLOCK)
    await home.until_state("unlocked")
    monkeypatch.setattr(Locks, "take_time_frame", refuse)
    home.peripheral.power_cycle()
    await until(lambda: not home.radio.clients)

    await home.call("lock")

    assert home.lock.state.bolt is Bolt.LOCKED


async def test_one_after_the_other(home: Home) -> None:
    """An operation from afar that comes while the one before hangs up waits for that."""
    hung_up = asyncio.Event()
    disconnect = BumbleClient.disconnect

    async def slowly(client: BumbleClient) -> None:
        await hung_up.wait()
        await disconnect(client)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BumbleClient, "disconnect", slowly)
        assert (await from_afar(home, "unlock")).code == 0
        second = asyncio.ensure_future(from_afar(home, "lock"))
        await asyncio.wait([second], timeout=0.2)
        hung_up.set()

        assert (await second).code == 0
    assert home.lock.state.bolt is Bolt.LOCKED
