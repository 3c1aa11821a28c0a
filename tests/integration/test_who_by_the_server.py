"""Who operated where the server had it done: as much is known of it as of what is done here."""

from typing import Any

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
import pytest

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
