"""A call that is refused is not a failure of the lock, and Home Assistant is told so."""

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from tests.integration.home import LOCK, Home
from tests.integration.people import bea, connected


@pytest.mark.parametrize(
    ("code", "told"), [(None, "needs your PIN"), ("1 2", "4 to 12"), ("9999", "PIN is wrong")]
)
async def test_pin(home: Home, code: str | None, told: str) -> None:
    """A PIN that is missing, is none, or is wrong makes the call invalid."""
    person = await bea(home, rights=["unlock"], pin="4711")
    user = await connected(home, person.user_id)
    given = {} if code is None else {"code": code}
    home.coordinator.memory.pins.discard(person.user_id)  # else its format would be checked before

    with pytest.raises(ServiceValidationError, match=told):
        await home.hass.services.async_call(
            "lock",
            "unlock",
            {ATTR_ENTITY_ID: LOCK, **given},
            blocking=True,
            context=Context(user_id=user.id),
        )


async def test_failure(home: Home) -> None:
    """A lock that is not reached has failed, whoever calls."""
    home.radio.faults.refuse_connections = 2

    with pytest.raises(HomeAssistantError) as caught:
        await home.call("unlock")

    assert not isinstance(caught.value, ServiceValidationError)
