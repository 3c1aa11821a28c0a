"""Actions about codes for the keypad, which work without any connection (API 5.2)."""

from enum import StrEnum
from typing import Any, Final

from homeassistant.const import ATTR_NAME
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
import probatio

from . import access_ras
from .access_ras import Body, KeypadCode
from .action_errors import ActionError, Wrong
from .action_targets import gateway_of, owner_of, person_of
from .action_times import iso, unix
from .coordinator import IgrsCoordinator
from .igrs_codec.bsld.frame import Capability

ATTR_CODE_ID: Final = "code_id"
ATTR_GRANT_ID: Final = "grant_id"
ATTR_KIND: Final = "kind"
ATTR_START: Final = "start"


class Kind(StrEnum):
    """How long a code works; the classes of the profile, in their order."""

    ONE_TIME = "one_time"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    FOUR_WEEKS = "four_weeks"


_KINDS: Final = tuple(Kind)
_FOR_THE_OWNER: Final = frozenset({Kind.WEEK, Kind.FOUR_WEEKS})

CREATE: Final = {
    probatio.Required(ATTR_KIND): probatio.All(cv.string, probatio.Coerce(Kind)),
    probatio.Optional(ATTR_START): cv.datetime,
    probatio.Optional(ATTR_NAME): probatio.All(cv.string, probatio.Length(max=100)),
    probatio.Optional(ATTR_GRANT_ID): cv.string,
}
CANCEL: Final = {probatio.Required(ATTR_CODE_ID): cv.string}


async def async_create(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Give out a code; the answer is the only place where it is ever shown."""
    if lock.memory.version is not None and not lock.can(Capability.KEYPAD):
        raise ActionError(Wrong.NO_KEYPAD)
    data = call.data
    kind: Kind = data[ATTR_KIND]
    body: Body = {"class": _KINDS.index(kind), "name": data.get(ATTR_NAME, "")}
    if ATTR_START in data:
        body["at"] = unix(data[ATTR_START])
    if ATTR_GRANT_ID in data:
        body["grant"] = data[ATTR_GRANT_ID]
    if kind in _FOR_THE_OWNER:
        body["person"] = owner_of(lock, call)
    else:
        body |= _person(lock, call)
    code = await access_ras.async_issue_code(gateway_of(lock).ras, lock.device_id, body)
    return {
        ATTR_CODE_ID: code.code_id,
        "code": code.digits,
        ATTR_KIND: kind,
        "valid_from": iso(code.start),
        "valid_until": iso(code.end),
    }


async def async_get_all(lock: IgrsCoordinator, _: ServiceCall) -> ServiceResponse:
    """Return the codes of a lock: what they stand for, not what they are."""
    codes = await access_ras.async_codes(gateway_of(lock).ras, lock.device_id)
    return {"codes": [_shown(code) for code in codes]}


async def async_cancel(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Cancel a code; the lock is told when it is in reach."""
    await access_ras.async_cancel_code(
        gateway_of(lock).ras, lock.device_id, call.data[ATTR_CODE_ID], _person(lock, call)
    )
    return None


def _person(lock: IgrsCoordinator, call: ServiceCall) -> Body:
    """Name who calls, if the RAS knows him; an automation is nobody."""
    person = person_of(lock, call)
    return {} if person is None else {"person": person}


def _shown(code: KeypadCode) -> dict[str, Any]:
    return {
        ATTR_CODE_ID: code.code_id,
        ATTR_KIND: _KINDS[code.code_class],
        ATTR_NAME: code.name,
        ATTR_GRANT_ID: code.grant_id,
        "valid_from": iso(code.start),
        "valid_until": iso(code.end),
        "number": code.number,
        "state": code.state,
        "known_to_lock": code.synced,
    }
