"""Automations of the blueprints, and what sets them off."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from tests.integration.home import EVENT, Home, until

FOLDER: Final = Path(__file__).parents[2] / "blueprints/automation/igrs"
NAMES: Final = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def tell(**data: str) -> list[dict[str, Any]]:
    """Return actions that tell something."""
    return [{"action": "notify.phone", "data": data}]


async def automate(home: Home, name: str, **inputs: Any) -> None:
    """Make an automation of a blueprint."""
    blueprint = {"path": f"igrs/{name}.yaml", "input": inputs}
    config = {"automation": [{"id": "1", "alias": name, "use_blueprint": blueprint}]}
    assert await async_setup_component(home.hass, "automation", config)
    await home.hass.async_block_till_done()
    assert home.state(f"automation.{name}").state == "on"


async def happened(home: Home, what: str) -> None:
    """Wait until the event entity has told something, and automations have heard it."""
    await until(lambda: home.state(EVENT).attributes.get("event_type") == what)
    await home.hass.async_block_till_done()


async def at(home: Home, when: datetime) -> None:
    """Let a time of day come."""
    async_fire_time_changed(home.hass, when)
    await home.hass.async_block_till_done()


async def refuse(home: Home) -> None:
    """Let the server tell of a refusal, and the automation hear of it."""
    before = home.state(EVENT).state
    home.gateway._message(denied())
    await until(lambda: home.state(EVENT).state != before)
    for _ in range(20):
        await asyncio.sleep(0)  # runs that wait go on in their own tasks


def running(home: Home, name: str) -> int:
    """Return how many runs of an automation wait for something."""
    current: int = home.state(f"automation.{name}").attributes["current"]
    return current


def denied() -> dict[str, Any]:
    """Return a message by which the server tells of a refusal."""
    body = {
        "event": "access_denied",
        "device_id": "A1B2C3D4E5F6",
        "code": 3002,
        "user": "Carl",
        "asked_by": "user:u-carl",
    }
    return {"mi": 9, "seq": 1, "body": body}
