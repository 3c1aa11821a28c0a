"""What is asked of a lock in words: lock, unlock, and unlock with a PIN.

Home Assistant's own intents answer "Unlocking" after 0.2 s, also for a lock that is out of reach,
and say nothing of why one was refused. For our locks, and only for them, the intents wait for the
end and tell the truth; everything else is left to the handlers that were there.
"""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.lock import DOMAIN as LOCK
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import config_validation as cv, intent
from homeassistant.setup import async_when_setup
import probatio

from .asker import async_asker, spoken
from .coordinator import IgrsCoordinator
from .errors import LockError, Reason
from .igrs_codec.bsld.frame import Operation
from .sentences import INTENT_UNLOCK_WITH_PIN, SLOT_NAME, SLOT_PIN, async_listen
from .voice import async_operate, async_said, lock_of

_NOT_DONE: Final = intent.IntentResponseErrorCode.FAILED_TO_HANDLE
_OPERATIONS: Final = {
    intent.INTENT_TURN_ON: Operation.LOCK,
    intent.INTENT_TURN_OFF: Operation.UNLOCK,
}


async def async_setup_intents(hass: HomeAssistant) -> None:
    """Add our intent and its sentences, and go before Home Assistant's for our locks."""
    intent.async_register(hass, UnlockWithPin())
    async_when_setup(hass, "intent", _async_go_before)
    async_when_setup(hass, "conversation", async_listen)


async def _async_go_before(hass: HomeAssistant, _: str) -> None:
    for handler in tuple(intent.async_get(hass)):
        if (operation := _OPERATIONS.get(handler.intent_type)) is not None:
            intent.async_remove(hass, handler.intent_type)
            intent.async_register(hass, MoveBolt(handler, operation))


class MoveBolt(intent.IntentHandler):
    """Locks or unlocks our locks, and leaves all else to another handler."""

    def __init__(self, other: intent.IntentHandler, operation: Operation) -> None:
        """Look like the other handler."""
        self.intent_type = other.intent_type
        self.platforms = other.platforms
        self.description = other.description
        self._other = other
        self._operation = operation

    @property
    @override
    def slot_schema(self) -> dict[Any, Any] | None:
        """Return the slots of the other handler."""
        return self._other.slot_schema

    @override
    async def async_handle(self, intent_obj: intent.Intent) -> intent.IntentResponse:
        """Operate, if nothing but locks of ours is meant."""
        slots = self.async_validate_slots(intent_obj.slots)
        constraints = intent.MatchTargetsConstraints(
            name=None if (name := _value(slots, "name")) == "all" else name,
            area_name=_value(slots, "area"),
            floor_name=_value(slots, "floor"),
            domains=_value(slots, "domain"),
            device_classes=_value(slots, "device_class"),
            assistant=intent_obj.assistant,
        )
        if constraints.has_constraints:
            meant = intent.async_match_targets(
                intent_obj.hass, constraints, _preferences(slots)
            ).states
            locks = _ours(intent_obj.hass, meant)
            if locks and len(locks) == len(meant):
                return await _async_answer(intent_obj, locks, self._operation)
        with spoken():
            return await self._other.async_handle(intent_obj)


class UnlockWithPin(intent.IntentHandler):
    """Unlocks one of our locks for who knows the voice PIN."""

    intent_type = INTENT_UNLOCK_WITH_PIN
    description = "Unlocks a lock with a PIN that the user has said for this very request"

    @property
    @override
    def slot_schema(self) -> dict[Any, Any]:
        """Return that a lock and a PIN have to be named."""
        return {
            probatio.Required(
                SLOT_NAME, description="Name or alias of the lock"
            ): intent.non_empty_string,
            probatio.Required(
                SLOT_PIN, description="The digits that the user has said; never guess them"
            ): cv.string,
        }

    @override
    async def async_handle(self, intent_obj: intent.Intent) -> intent.IntentResponse:
        """Unlock, and say what came of it."""
        slots = self.async_validate_slots(intent_obj.slots)
        constraints = intent.MatchTargetsConstraints(
            name=_value(slots, SLOT_NAME), domains={LOCK}, assistant=intent_obj.assistant
        )
        result = intent.async_match_targets(intent_obj.hass, constraints, _preferences(slots))
        if not result.is_match:
            raise intent.MatchFailedError(result=result, constraints=constraints)
        locks = _ours(intent_obj.hass, result.states)
        if not locks:
            response = intent_obj.create_response()
            none = LockError(Reason.VOICE_NO_SUCH_LOCK)
            text = await async_said(intent_obj.hass, none, intent_obj.language)
            response.async_set_error(_NOT_DONE, text)
            return response
        return await _async_answer(intent_obj, locks, Operation.UNLOCK, _value(slots, SLOT_PIN))


def _value(slots: Mapping[str, Any], name: str) -> Any:
    return slots.get(name, {}).get("value")


def _preferences(slots: Mapping[str, Any]) -> intent.MatchTargetsPreferences:
    return intent.MatchTargetsPreferences(
        area_id=_value(slots, "preferred_area_id"), floor_id=_value(slots, "preferred_floor_id")
    )


def _ours(hass: HomeAssistant, states: list[State]) -> dict[str, IgrsCoordinator]:
    """Return our locks among some entities, by entity id."""
    found = {state.entity_id: lock_of(hass, state.entity_id) for state in states}
    return {entity_id: lock for entity_id, lock in found.items() if lock is not None}


async def _async_answer(
    intent_obj: intent.Intent,
    locks: Mapping[str, IgrsCoordinator],
    operation: Operation,
    pin: str | None = None,
) -> intent.IntentResponse:
    """Operate one lock after the other; what cannot be locked does not keep others open.

    Unlocking ends where one is refused: a PIN that is wrong is not tried at all of them.
    """
    response = intent_obj.create_response()
    done: list[intent.IntentResponseTarget] = []
    failed: list[intent.IntentResponseTarget] = []
    texts: list[str] = []
    for entity_id, lock in locks.items():
        target = intent.IntentResponseTarget(
            type=intent.IntentResponseTargetType.ENTITY, name=lock.name, id=entity_id
        )
        try:
            with spoken():
                await _async_operate(intent_obj, entity_id, lock, operation, pin)
        except LockError as err:
            failed.append(target)
            why = await async_said(intent_obj.hass, err, intent_obj.language)
            texts.append(why if len(locks) == 1 else f"{lock.name}: {why}")
            if operation is not Operation.LOCK:
                break
        else:
            done.append(target)
    if failed:
        response.async_set_error(_NOT_DONE, " ".join(texts))
    else:
        states = (intent_obj.hass.states.get(entity_id) for entity_id in locks)
        response.async_set_states([state for state in states if state is not None])
    response.async_set_results(success_results=done, failed_results=failed)
    return response


async def _async_operate(
    intent_obj: intent.Intent,
    entity_id: str,
    lock: IgrsCoordinator,
    operation: Operation,
    pin: str | None,
) -> None:
    hass, context = intent_obj.hass, intent_obj.context
    asker = await async_asker(hass, context, lock.config_entry.runtime_data.people)
    if context.user_id is not None:
        user = await hass.auth.async_get_user(context.user_id)
        if user is None or not user.permissions.check_entity(entity_id, POLICY_CONTROL):
            lock.history.refused(asker, Reason.NO_PERMISSION)
            raise LockError(Reason.NO_PERMISSION)
    await async_operate(lock, operation, asker, pin)
