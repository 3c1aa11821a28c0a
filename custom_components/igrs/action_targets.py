"""Which locks an action is for, and who calls it.

Home Assistant's own helper for actions of entities leaves out what is unavailable; but a lock that
is out of reach has people and codes all the same, and somebody wants to know why it is.
"""

from collections.abc import Iterable

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.lock import DOMAIN as LOCK
from homeassistant.const import ATTR_ENTITY_ID, ENTITY_MATCH_ALL
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)

from .action_errors import ActionError, Wrong
from .const import DOMAIN
from .coordinator import IgrsCoordinator
from .gateway import Gateway
from .voice import lock_of


async def async_targets(
    hass: HomeAssistant, call: ServiceCall, *, admin: bool
) -> dict[str, IgrsCoordinator]:
    """Return the locks by their entities, or raise ActionError, Unauthorized or UnknownUser."""
    locks = _locks(hass, call)
    await _async_authorize(hass, call, locks, admin=admin)
    return {entity_id: _loaded(hass, entity_id) for entity_id in locks}


@callback
def _locks(hass: HomeAssistant, call: ServiceCall) -> list[str]:
    """Return the entities, in order."""
    entities = er.async_get(hass).entities
    ours = {
        entity_id
        for entity_id, entry in entities.items()
        if (entry.platform, entry.domain) == (DOMAIN, LOCK)
    }
    if call.data.get(ATTR_ENTITY_ID) != ENTITY_MATCH_ALL:
        selected = async_extract_referenced_entity_ids(hass, TargetSelection(call.data))
        for entity_id in sorted(selected.referenced - ours):
            raise ActionError(Wrong.NOT_A_LOCK, entity_id=entity_id)
        ours &= selected.referenced | selected.indirectly_referenced
    if not ours:
        raise ActionError(Wrong.NO_LOCK)
    return sorted(ours)


async def _async_authorize(
    hass: HomeAssistant, call: ServiceCall, locks: Iterable[str], *, admin: bool
) -> None:
    if call.context.user_id is None:
        return
    user = await hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise UnknownUser(context=call.context)
    if user.is_admin:
        return
    if admin:
        raise Unauthorized(context=call.context)
    for entity_id in locks:
        if not user.permissions.check_entity(entity_id, POLICY_CONTROL):
            raise Unauthorized(context=call.context, entity_id=entity_id, permission=POLICY_CONTROL)


@callback
def _loaded(hass: HomeAssistant, entity_id: str) -> IgrsCoordinator:
    if (lock := lock_of(hass, entity_id)) is None:
        raise ActionError(Wrong.NOT_LOADED, entity_id=entity_id)
    return lock


@callback
def gateway_of(coordinator: IgrsCoordinator) -> Gateway:
    """Return the gateway of a lock's home."""
    return coordinator.config_entry.runtime_data


@callback
def person_of(coordinator: IgrsCoordinator, call: ServiceCall) -> str | None:
    """Return which person of the RAS calls, None if nobody or somebody who is not connected."""
    return gateway_of(coordinator).people.get(call.context.user_id or "")


@callback
def owner_of(coordinator: IgrsCoordinator, call: ServiceCall) -> str:
    """Return the person who calls; the RAS checks that it is the owner. Or raise ActionError."""
    if (person := person_of(coordinator, call)) is None:
        raise ActionError(Wrong.NOT_THE_OWNER)
    return person
