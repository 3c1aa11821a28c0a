"""Actions about the people of a lock: who may use it, when, how often, with what PIN (API 6.1).

Names and fields follow Matter's actions where both have the same.
"""

from collections.abc import Sequence
from datetime import time
from typing import Any, Final

from homeassistant.const import CONF_WEEKDAY, WEEKDAYS
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
import probatio

from . import access_ras
from .access_ras import Body, Grant, KeypadCode
from .action_errors import ActionError, Wrong
from .action_targets import gateway_of, owner_of
from .action_times import iso, unix
from .coordinator import IgrsCoordinator
from .igrs_codec.bsld.admin import ROWS
from .ras import GatewayClient

ATTR_ACCOUNT: Final = "account"
ATTR_CREDENTIAL_DATA: Final = "credential_data"
ATTR_CREDENTIAL_TYPE: Final = "credential_type"
ATTR_GRANT_ID: Final = "grant_id"
ATTR_NOTIFY: Final = "notify"
ATTR_PERSON: Final = "person"
ATTR_RIGHTS: Final = "rights"
ATTR_SECOND_PERSON: Final = "second_person"
ATTR_USER_NAME: Final = "user_name"
ATTR_USES: Final = "uses"
ATTR_VALID_FROM: Final = "valid_from"
ATTR_VALID_UNTIL: Final = "valid_until"
ATTR_WINDOW_END: Final = "window_end"
ATTR_WINDOW_START: Final = "window_start"

CREDENTIAL_TYPES: Final = ("pin",)
PIN_LENGTHS: Final = (4, 12)
RIGHTS: Final = ("lock", "unlock", "open", "log", "hold")
_USUAL_RIGHTS: Final = ["lock", "unlock"]
_WHOLE_DAY: Final = ("00:00", "24:00")
_WHO: Final = (ATTR_GRANT_ID, ATTR_USER_NAME, ATTR_ACCOUNT, ATTR_PERSON)

_GRANT: Final = {probatio.Required(ATTR_GRANT_ID): cv.string}
_TYPE: Final = {probatio.Required(ATTR_CREDENTIAL_TYPE): probatio.In(CREDENTIAL_TYPES)}

SET_USER: Final = {
    **{probatio.Optional(who): cv.string for who in _WHO},
    probatio.Optional(ATTR_RIGHTS): probatio.All(
        cv.ensure_list, [probatio.In(RIGHTS)], probatio.Length(min=1)
    ),
    probatio.Optional(ATTR_VALID_FROM): cv.datetime,
    probatio.Optional(ATTR_VALID_UNTIL): cv.datetime,
    probatio.Optional(CONF_WEEKDAY): probatio.All(cv.ensure_list, cv.weekdays),
    probatio.Optional(ATTR_WINDOW_START): cv.time,
    probatio.Optional(ATTR_WINDOW_END): cv.time,
    probatio.Optional(ATTR_USES): probatio.All(
        probatio.Coerce(int), probatio.Range(min=0, max=100_000)
    ),
    probatio.Optional(ATTR_NOTIFY): cv.boolean,
    probatio.Optional(ATTR_SECOND_PERSON): cv.boolean,
}
CLEAR_USER: Final = _GRANT
SET_CREDENTIAL: Final = {
    **_TYPE,
    **_GRANT,
    probatio.Required(ATTR_CREDENTIAL_DATA): probatio.All(
        cv.string, probatio.Match(r"^[0-9]{4,12}\Z")
    ),
}
CREDENTIAL: Final = {**_TYPE, **_GRANT}


async def async_get_users(lock: IgrsCoordinator, _: ServiceCall) -> ServiceResponse:
    """Return who may use a lock."""
    ras = gateway_of(lock).ras
    grants = await access_ras.async_grants(ras, lock.device_id)
    codes = await access_ras.async_codes(ras, lock.device_id)
    people = await _async_people(ras)
    live = [grant for grant in grants if grant.revoked is None]
    return {
        "owner": next(iter(people.values()), None),  # the RAS names him first
        "max_users": ROWS - 1,  # one row is the owner's
        "users": [_shown(grant, people, codes) for grant in live],
    }


async def async_set_user(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Let somebody use a lock, or change how; a guest's link is told once."""
    person = owner_of(lock, call)
    ras, data = gateway_of(lock).ras, call.data
    if sum(who in data for who in _WHO) != 1:
        raise ActionError(Wrong.WHO)
    if ATTR_GRANT_ID in data:
        before = await _async_grant(lock, call)
        body = _changed(before.terms, lock, data) | {ATTR_PERSON: person}
        grant = await access_ras.async_change(ras, before, body)
    else:
        body = _changed(_new_terms(data), lock, data) | {ATTR_PERSON: person}
        body |= {"subject": _subject(data)}
        grant = await access_ras.async_give(ras, lock.device_id, body)
    people = await _async_people(ras)
    shown = _shown(grant, people, [])
    if grant.token is not None:
        shown["link"] = str(ras.base_url.joinpath("g", grant.token))
    return shown


async def async_clear_user(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Let somebody use a lock no more."""
    person, ras = owner_of(lock, call), gateway_of(lock).ras
    grant = await _async_grant(lock, call)
    await access_ras.async_revoke(ras, grant.grant_id, person)
    return None


async def async_set_credential(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Ask somebody for a PIN from now on, whenever he lets himself in."""
    return await _async_set_pin(lock, call, call.data[ATTR_CREDENTIAL_DATA])


async def async_clear_credential(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Ask somebody for a PIN no more."""
    return await _async_set_pin(lock, call, None)


async def async_get_credential(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Return whether somebody is asked for a PIN."""
    grant = await _async_grant(lock, call)
    return _status(grant)


async def _async_set_pin(
    lock: IgrsCoordinator, call: ServiceCall, pin: str | None
) -> ServiceResponse:
    person, ras = owner_of(lock, call), gateway_of(lock).ras
    grant = await _async_grant(lock, call)
    body = grant.terms | {"keep_pin": False, "pin": pin, ATTR_PERSON: person}
    return _status(await access_ras.async_change(ras, grant, body))


async def _async_grant(lock: IgrsCoordinator, call: ServiceCall) -> Grant:
    """Return the grant that a call names, or raise RasError; it has to be one of this lock."""
    grant = await access_ras.async_grant(gateway_of(lock).ras, call.data[ATTR_GRANT_ID])
    if grant.device_id != lock.device_id:
        raise ActionError(Wrong.NO_SUCH_USER)
    return grant


async def _async_people(ras: GatewayClient) -> dict[str, str]:
    return {each.user_id: each.name for each in await ras.people()}


def _status(grant: Grant) -> dict[str, Any]:
    return {"credential_exists": grant.has_pin, ATTR_GRANT_ID: grant.grant_id}


def _subject(data: dict[str, Any]) -> Body:
    if ATTR_USER_NAME in data:
        return {"kind": "link", "name": data[ATTR_USER_NAME]}
    if ATTR_PERSON in data:
        return {"kind": "user", "user_id": data[ATTR_PERSON]}
    account = data[ATTR_ACCOUNT]
    kind = "email" if "@" in account else "phone"
    return {"kind": "account", "account": {"type": kind, "value": account}}


def _new_terms(data: dict[str, Any]) -> Body:
    if ATTR_VALID_UNTIL not in data:
        raise ActionError(Wrong.NEEDS_END)
    return {"rights": _USUAL_RIGHTS, "valid": {}, "uses": {}}


def _changed(terms: Body, lock: IgrsCoordinator, data: dict[str, Any]) -> Body:
    """Return terms with what a call says; what it does not say stays."""
    valid = dict(terms["valid"])
    for attribute, name in ((ATTR_VALID_FROM, "from"), (ATTR_VALID_UNTIL, "until")):
        if attribute in data:
            valid[name] = unix(data[attribute])
    if CONF_WEEKDAY in data:
        valid["weekdays"] = [WEEKDAYS.index(day) + 1 for day in data[CONF_WEEKDAY]] or None
    if ATTR_WINDOW_START in data or ATTR_WINDOW_END in data:
        valid["times"] = _hours(data, valid.get("times"))
    if valid.get("weekdays") or valid.get("times"):
        valid["tz"] = valid.get("tz") or lock.hass.config.time_zone
    changed = {"valid": valid}
    if ATTR_USES in data:
        changed["uses"] = {"max": data[ATTR_USES] or None}
    for attribute in (ATTR_RIGHTS, ATTR_NOTIFY, ATTR_SECOND_PERSON):
        if attribute in data:
            changed[attribute] = data[attribute]
    return terms | changed


def _hours(data: dict[str, Any], kept: Sequence[tuple[str, str]] | None) -> list[list[str]] | None:
    """Return one window of each day; a side that is not said stays, all day is no window."""
    begins, ends = kept[0] if kept else _WHOLE_DAY
    if ATTR_WINDOW_START in data:
        begins = f"{data[ATTR_WINDOW_START]:%H:%M}"
    if ATTR_WINDOW_END in data:
        end: time = data[ATTR_WINDOW_END]
        ends = _WHOLE_DAY[1] if end == time() else f"{end:%H:%M}"
    if begins >= ends:
        raise ActionError(Wrong.HOURS)
    return None if (begins, ends) == _WHOLE_DAY else [[begins, ends]]


def _shown(grant: Grant, people: dict[str, str], codes: list[KeypadCode]) -> dict[str, Any]:
    credentials = [{"type": "pin"}] if grant.has_pin else []
    credentials += [
        {"type": "code", "code_id": code.code_id}
        for code in codes
        if code.grant_id == grant.grant_id and code.state == "live"
    ]
    return {
        ATTR_GRANT_ID: grant.grant_id,
        "user_name": _name(grant, people),
        "user_type": _type(grant),
        "credentials": credentials,
        ATTR_RIGHTS: list(grant.rights),
        ATTR_VALID_FROM: iso(grant.start),
        ATTR_VALID_UNTIL: iso(grant.until),
        CONF_WEEKDAY: [WEEKDAYS[day - 1] for day in grant.weekdays],
        "windows": [list(window) for window in grant.times],
        "time_zone": grant.tz,
        ATTR_USES: grant.uses_max,
        "uses_spent": grant.uses_spent,
        ATTR_NOTIFY: grant.notify,
        ATTR_SECOND_PERSON: grant.second_person,
        "household": grant.household,
        "known_to_lock": grant.synced,
    }


def _name(grant: Grant, people: dict[str, str]) -> str:
    match grant.subject:
        case {"kind": "user", "user_id": str(user_id)}:
            return people.get(user_id, user_id)
        case {"account": {"value": str(account)}}:
            return account
        case {"kind": "gateway", "gateway_id": str(gateway_id)}:
            return grant.subject.get("name") or gateway_id
        case _:
            return str(grant.subject.get("name"))


def _type(grant: Grant) -> str:
    """Return the kind of user in Matter's words: what limits him most."""
    if grant.uses_max is not None:
        return "disposable_user"
    if grant.weekdays or grant.times:
        return "week_day_schedule_user"
    if grant.start is not None or grant.until is not None:
        return "year_day_schedule_user"
    return "unrestricted_user"
