"""Who operated where the server had it done: as much is known of it as of what is done here."""

import asyncio
from typing import Any

import aiohttp
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
import pytest

from igrs_codec.bsld.frame import Bolt
from tests.integration.home import LOCK, Home, until
from tests.integration.people import bea, connected

EVENT = "event.front_door_access"


@pytest.mark.parametrize("slow", [False, True])
async def test_by_the_server(home: Home, monkeypatch: pytest.MonkeyPatch, *, slow: bool) -> None:
    """The event names the user and the way he came by, and carries his context."""
    operate = home.gateway.ras.operate

    async def answered(*args: Any) -> Any:
        outcome = await operate(*args)
        if slow:
            await until(lambda: not home.radio.clients and not home.coordinator.learner.busy)
        return outcome

    monkeypatch.setattr(home.gateway.ras, "operate", answered)
    person = await bea(home, rights=["lock", "unlock"], uses={"max": 1})
    user = await connected(home, person.user_id)
    context = Context(user_id=user.id)

    await home.hass.services.async_call(
        "lock", "unlock", {ATTR_ENTITY_ID: LOCK}, blocking=True, context=context
    )

    await until(lambda: home.state(EVENT).attributes.get("event_type") == "unlocked")
    event = home.state(EVENT)
    assert (event.attributes["user"], event.attributes["method"]) == ("Bea", "app")
    assert event.attributes["gateway"] == home.entry.data["gateway_id"]
    assert 0 < event.attributes["duration_ms"] < 5000
    assert event.context is context
    assert home.state().attributes["changed_by"] == "Bea"


async def test_home_unloaded_meanwhile(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server did for somebody whose home is unloaded meanwhile is done all the same."""
    operate = home.gateway.ras.operate

    async def answered(*args: Any) -> Any:
        outcome = await operate(*args)
        await home.hass.config_entries.async_unload(home.entry.entry_id)
        return outcome

    monkeypatch.setattr(home.gateway.ras, "operate", answered)
    person = await bea(home, rights=["lock", "unlock"], uses={"max": 1})
    user = await connected(home, person.user_id)

    await home.hass.services.async_call(
        "lock", "unlock", {ATTR_ENTITY_ID: LOCK}, blocking=True, context=Context(user_id=user.id)
    )

    assert home.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 1.0}], ids=["slow"])
async def test_still_under_way(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server still does after a lost connection was not refused: nobody knows yet."""
    person = await bea(home, rights=["lock", "unlock"], uses={"max": 1})
    user = await connected(home, person.user_id)
    send, first = home.gateway.ras._send, list[asyncio.Task[Any]]()

    async def hang_up(*args: Any) -> Any:
        if args[1].name != "operate" or first:
            return await send(*args)
        first.append(asyncio.create_task(send(*args)))
        await until(lambda: home.lock.state.bolt is Bolt.UNLOCKING)
        raise aiohttp.ServerDisconnectedError

    monkeypatch.setattr(home.gateway.ras, "_send", hang_up)

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.hass.services.async_call(
            "lock",
            "unlock",
            {ATTR_ENTITY_ID: LOCK},
            blocking=True,
            context=Context(user_id=user.id),
        )

    assert (await first[0])["result"]["code"] == 0
    await until(lambda: home.state(EVENT).attributes.get("event_type") == "unlocked")
