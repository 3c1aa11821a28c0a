"""Connecting users of Home Assistant with persons of the RAS."""

from types import MappingProxyType
from typing import Any

from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigSubentry

from tests.integration.home import DEVICE_ID, Home, until
from tests.ras_server.client import Client


async def connect(home: Home, user: User, person: str) -> User:
    """Connect a user of Home Assistant with a person of the RAS."""
    home.hass.config_entries.async_add_subentry(
        home.entry,
        ConfigSubentry(
            data=MappingProxyType({"user": user.id, "person": person}),
            subentry_type="person",
            title=user.name or "",
            unique_id=user.id,
        ),
    )
    await until(lambda: user.id in home.gateway.people)
    return user


async def connected(home: Home, person: str) -> User:
    """Return a user of Home Assistant who is a person of the RAS."""
    return await connect(home, await home.hass.auth.async_create_user("Bea"), person)


async def bea(home: Home, **grant: Any) -> Client:
    """Return a person with an account, and a grant on the lock if one is given."""
    anna = home.ras.person
    person = await anna.another().enter("bea@example.org")
    if grant:
        given = await anna.post(
            f"/v1/devices/{DEVICE_ID}/grants",
            {"subject": {"kind": "user", "user_id": person.user_id}, **grant},
        )
        assert given.http == 201, given
        await until(lambda: not home.coordinator._carrier.pending)
    return person
