"""Which locks an action is for, and who calls it.

Home Assistant's own helper for actions of entities leaves out what is unavailable; but a lock that
is out of reach has people and codes all the same, and somebody wants to know why it is.
"""

from collections.abc import Iterable

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.lock import DOMAIN as LOCK_DOMAIN
from homeassistant.config_entries import ConfigEntryState
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


async def async_targets(
    hass: HomeAssistant, call: ServiceCall, *, admin: bool
) -> dict[str, IgrsCoordinator]:
    """Return the locks by their entities, or raise ActionError, Unauthorized or UnknownUser."""
    locks = _locks(hass, call)
    await _async_authorize(hass, call, locks, admin=admin)
    return {
        entry.entity_id: coordinator_of(hass, entry)
        for entry in sorted(locks, key=lambda entry: entry.entity_id)
    }


@callback
def _locks(hass: HomeAssistant, call: ServiceCall) -> list[er.RegistryEntry]:
    registry = er.async_get(hass)
    if call.data.get(ATTR_ENTITY_ID) == ENTITY_MATCH_ALL:
        found = [entry for entry in registry.entities.values() if _is_lock(entry)]
    else:
        selected = async_extract_referenced_entity_ids(hass, TargetSelection(call.data))
        for entity_id in sorted(selected.referenced):
            if not _is_lock(registry.async_get(entity_id)):
                raise ActionError(Wrong.NOT_A_LOCK, entity_id=entity_id)
        entity_ids = selected.referenced | selected.indirectly_referenced
        entries = map(registry.async_get, entity_ids)
        found = [entry for entry in entries if entry is not None and _is_lock(entry)]
    if not found:
        raise ActionError(Wrong.NO_LOCK)
    return found


def _is_lock(entry: er.RegistryEntry | None) -> bool:
    return entry is not None and entry.platform == DOMAIN and entry.domain == LOCK_DOMAIN


async def _async_authorize(
    hass: HomeAssistant, call: ServiceCall, locks: Iterable[er.RegistryEntry], *, admin: bool
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
    for entry in locks:
        if not user.permissions.check_entity(entry.entity_id, POLICY_CONTROL):
            raise Unauthorized(
                context=call.context, entity_id=entry.entity_id, permission=POLICY_CONTROL
            )


@callback
def coordinator_of(hass: HomeAssistant, entry: er.RegistryEntry) -> IgrsCoordinator:
    """Return whose entity it is, or raise ActionError."""
    home = hass.config_entries.async_get_entry(entry.config_entry_id or "")
    if home is not None and home.state is ConfigEntryState.LOADED:
        coordinators: dict[str, IgrsCoordinator] = home.runtime_data.coordinators
        if (found := coordinators.get(entry.config_subentry_id or "")) is not None:
            return found
    raise ActionError(Wrong.NOT_LOADED, entity_id=entry.entity_id)


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
