"""The actions of this integration: each is for locks, most have an answer."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv

from . import actions_audit, actions_codes, actions_lock, actions_users
from .action_errors import ActionError, Wrong, refused
from .action_targets import async_targets
from .const import DOMAIN
from .coordinator import IgrsCoordinator
from .ras_errors import RasError
from .voice import async_said

type Act = Callable[[IgrsCoordinator, ServiceCall], Awaitable[ServiceResponse]]


class Action(NamedTuple):
    """What an action does to one lock, what it takes, and who may call it.

    act raises HomeAssistantError or RasError; unknown is what the RAS does not find then.
    """

    act: Act
    fields: Mapping[Any, Any] = {}
    answers: SupportsResponse = SupportsResponse.ONLY
    admin: bool = True
    unknown: Wrong = Wrong.NO_SUCH_USER


ACTIONS: Final = {
    "get_lock_info": Action(actions_lock.async_get_info, admin=False),
    "get_lock_users": Action(actions_users.async_get_users),
    "set_lock_user": Action(
        actions_users.async_set_user, actions_users.SET_USER, SupportsResponse.OPTIONAL
    ),
    "clear_lock_user": Action(
        actions_users.async_clear_user, actions_users.CLEAR_USER, SupportsResponse.NONE
    ),
    "set_lock_credential": Action(
        actions_users.async_set_credential,
        actions_users.SET_CREDENTIAL,
        SupportsResponse.OPTIONAL,
    ),
    "clear_lock_credential": Action(
        actions_users.async_clear_credential, actions_users.CREDENTIAL, SupportsResponse.NONE
    ),
    "get_lock_credential_status": Action(
        actions_users.async_get_credential, actions_users.CREDENTIAL
    ),
    "create_temporary_code": Action(actions_codes.async_create, actions_codes.CREATE),
    "get_temporary_codes": Action(actions_codes.async_get_all),
    "cancel_temporary_code": Action(
        actions_codes.async_cancel,
        actions_codes.CANCEL,
        SupportsResponse.NONE,
        unknown=Wrong.NO_SUCH_CODE,
    ),
    "get_records": Action(actions_lock.async_get_records, actions_lock.RECORDS, admin=False),
    "explain": Action(actions_lock.async_explain, admin=False),
    "export_audit": Action(actions_audit.async_export, actions_audit.EXPORT),
    "verify_audit": Action(actions_audit.async_verify),
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, action in ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            partial(_async_call, hass, action),
            cv.make_entity_service_schema(dict(action.fields)),
            action.answers,
        )


async def _async_call(hass: HomeAssistant, action: Action, call: ServiceCall) -> ServiceResponse:
    """Do it for each lock, and return the answers by entity, as actions of entities do.

    What was given for one lock is not lost because another one fails: its answer says why. The
    first failure is that of the action if nothing was done at all.
    """
    locks = await async_targets(hass, call, admin=action.admin)
    answers: dict[str, ServiceResponse] = {}
    failed: dict[str, HomeAssistantError] = {}
    for entity_id, lock in locks.items():
        try:
            answers[entity_id] = await _async_act(action, lock, call)
        except HomeAssistantError as err:
            failed[entity_id] = err
    if failed and not answers:
        raise next(iter(failed.values()))
    said = {
        entity_id: await async_said(hass, err, hass.config.language)
        for entity_id, err in failed.items()
    }
    if call.return_response:
        for entity_id, text in said.items():
            key = failed[entity_id].translation_key
            answers[entity_id] = {"error": key, "error_text": text}
        return dict(answers)
    if failed:
        texts = " ".join(f"{entity_id}: {text}" for entity_id, text in said.items())
        raise ActionError(Wrong.NOT_FOR_ALL, done=", ".join(answers), failures=texts)
    return None


async def _async_act(action: Action, lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Do it for one lock, or raise HomeAssistantError."""
    try:
        return await action.act(lock, call)
    except RasError as err:
        raise refused(err, action.unknown) from err
