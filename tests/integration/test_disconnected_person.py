"""A user who is not connected with a person any more."""

from typing import Any

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context

from tests.integration.home import LOCK, Home, until
from tests.integration.people import bea, connected


async def test_tickets_are_dropped(home: Home, hass_storage: dict[str, Any]) -> None:
    """The tickets of a person go with the connection, and nothing of them stays in the file."""
    person = await bea(home, rights=["lock", "unlock"])
    user = await connected(home, person.user_id)
    context = Context(user_id=user.id)
    await home.hass.services.async_call(
        "lock", "unlock", {ATTR_ENTITY_ID: LOCK}, blocking=True, context=context
    )
    memory = home.coordinator.memory
    assert memory.people[person.user_id]
    memory.pins.add(person.user_id)

    (subentry,) = home.entry.get_subentries_of_type("person")
    home.hass.config_entries.async_remove_subentry(home.entry, subentry.subentry_id)
    await until(lambda: not home.gateway.people)

    assert (memory.people, memory.pins) == ({}, set())
    await home.gateway.memory.async_save()
    assert person.user_id not in str(hass_storage[f"igrs.{home.entry.entry_id}"])
