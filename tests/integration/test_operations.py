"""The order of operations, and what is shown where nobody knows what became of one."""

import asyncio
from typing import Any

from homeassistant.auth.models import User
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
import pytest

from igrs_codec.bsld.frame import Bolt, Operation
from tests.integration.home import LOCK, Home, until
from tests.integration.people import bea, connected

OPERATE = 0x44  # the first byte of the packet that asks for an operation


async def operate(home: Home, user: User, service: str) -> None:
    """Lock or unlock as a user."""
    await home.hass.services.async_call(
        "lock",
        service,
        {ATTR_ENTITY_ID: LOCK},
        blocking=True,
        context=Context(user_id=user.id),
    )


@pytest.mark.parametrize("household", [False, True], ids=["the same person", "the household"])
async def test_newer_operation(
    home: Home, anna: User, monkeypatch: pytest.MonkeyPatch, *, household: bool
) -> None:
    """An unlock over which the server thinks for long is not done after a newer lock."""
    real, asked, answer = home.gateway.ras.tickets, asyncio.Event(), asyncio.Event()

    async def tickets(*args: Any, **options: Any) -> Any:
        if not asked.is_set():
            asked.set()
            await answer.wait()
        return await real(*args, **options)

    monkeypatch.setattr(home.gateway.ras, "tickets", tickets)
    unlock = asyncio.ensure_future(operate(home, anna, "unlock"))
    await asked.wait()

    await (home.call("lock") if household else operate(home, anna, "lock"))
    answer.set()

    with pytest.raises(HomeAssistantError, match="a newer operation came before"):
        await unlock
    await until(lambda: not home.coordinator.learner.busy)
    assert home.lock.state.bolt is Bolt.LOCKED
    assert home.state().state == "locked"


async def test_unknown_after_a_renewal(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The advert of before an operation without an answer does not show the bolt after it."""
    monkeypatch.setattr("custom_components.igrs.igrs_codec.bsld.driver.ANSWER_SECONDS", 0.2)
    home.radio.silence()

    def cut(packet: bytes) -> None:
        if packet[0] == OPERATE:
            home.lock.on_notify = lambda *_: None

    home.radio.faults.on_write = cut
    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.call("unlock")
    home.radio.faults.refuse_connections = 99
    assert home.lock.state.bolt is Bolt.UNLOCKED

    home.coordinator.async_renew_soon()
    await until(lambda: not home.coordinator._work._tasks)

    assert home.state().state == "unknown"


async def test_looked_at_again(home: Home) -> None:
    """An advert that is looked at again is not heard again: how old it is still counts."""
    home.radio.silence()
    heard = home.coordinator._tracker.shown

    home.coordinator.adverts.async_hear_again()

    assert home.coordinator._tracker.shown is heard


@pytest.mark.parametrize("moved", [True, False], ids=["done", "not done"])
async def test_unknown_outcome_through_the_server(
    home: Home, monkeypatch: pytest.MonkeyPatch, *, moved: bool
) -> None:
    """Where the server does not know what became of an unlock the lock is asked, once heard."""
    user = await connected(home, (await bea(home, rights=["unlock"], uses={"max": 2})).user_id)
    await home.settle()
    home.radio.silence()

    async def operate_and_hang(*_: object) -> None:
        if moved:
            home.lock.turn_knob(Operation.UNLOCK)

    monkeypatch.setattr(home.gateway.ras, "operate", operate_and_hang)
    home.radio.faults.refuse_connections = 99
    with pytest.raises(HomeAssistantError, match="not known whether"):
        await operate(home, user, "unlock")
    await until(lambda: not home.coordinator.learner.busy)
    assert home.state().state == "unknown"

    home.radio.faults.refuse_connections = 0
    home.coordinator.learner.async_soon()

    await home.until_state("unlocked" if moved else "locked")


async def test_newer_operation_than_the_servers(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unlock that the server sends back to this gateway is not done after a newer lock."""
    user = await connected(home, (await bea(home, rights=["unlock"], uses={"max": 2})).user_id)
    real, asked, answer = home.gateway.ras.operate, asyncio.Event(), asyncio.Event()

    async def operate_late(*args: Any) -> Any:
        asked.set()
        await answer.wait()
        return await real(*args)

    monkeypatch.setattr(home.gateway.ras, "operate", operate_late)
    unlock = asyncio.ensure_future(operate(home, user, "unlock"))
    await asked.wait()

    await home.call("lock")
    answer.set()

    with pytest.raises(HomeAssistantError, match="busy"):
        await unlock
    assert home.lock.state.bolt is Bolt.LOCKED
    monkeypatch.undo()
    await operate(home, user, "unlock")
    await home.until_state("unlocked")
