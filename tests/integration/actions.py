"""Calling the actions of this integration."""

from datetime import timedelta
from typing import Any

from homeassistant.auth.models import User
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.util import dt as dt_util

from tests.integration.home import LOCK, Home


async def act(home: Home, action: str, user: User | None = None, **data: Any) -> dict[str, Any]:
    """Call an action for the lock, and return its answer, if it has one."""
    answers = await home.hass.services.async_call(
        "igrs",
        action,
        {ATTR_ENTITY_ID: LOCK, **data},
        blocking=True,
        context=Context(user_id=None if user is None else user.id),
        return_response=home.hass.services.supports_response("igrs", action) != "none",
    )
    answer: dict[str, Any] = {} if answers is None else answers[LOCK]  # type: ignore[assignment] # what JSON holds
    return answer


def tomorrow() -> str:
    """Return a time that grants can end at, as a person writes it."""
    return str(dt_util.now() + timedelta(days=1))
