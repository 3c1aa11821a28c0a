"""Grants: the owner of a lock lets somebody in, and ends it (project profile, section 7.1)."""

from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.frame import Right
from igrs_codec.bsld.ticket import rights_from_names, rights_to_names

from .. import fields
from ..account.names import ACCOUNT, from_body, type_of
from ..account.sessions import encode_token
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL, RANDOM, new_id
from ..paging import Position, listing, page
from ..principal import Kind, allow
from ..store import accounts, gateways, grants as store
from ..store.grants import Grant, Use
from ..web import answer, body, schema
from .decision import NAMES
from .evidence import PERSON, PIN, pin_of
from .geofence import Policy
from .granting import change as change_terms, end, give
from .locks import LOCKS, Lock
from .managing import (
    managed_lock,
    note,
    require_bounded,
    require_given,
    require_manager,
    require_owner,
)
from .schedule import TIMES, WEEKDAYS, dumps, from_fields, loads, time_zone, to_fields

LINK_SIZE: Final = 32  # bytes

_TIME: Final = fields.integer(0, 0xFFFFFFFF)

SUBJECT: Final = (
    schema({probatio.Required("kind"): "user", probatio.Required("user_id"): fields.text(40)}),
    schema({probatio.Required("kind"): "account", probatio.Required("account"): schema(ACCOUNT)}),
)
"""The persons a body can name."""
_LINK: Final = schema(
    {probatio.Required("kind"): "link", probatio.Required("name"): fields.text(100)}
)
_GATEWAY: Final = schema(
    {
        probatio.Required("kind"): "gateway",
        probatio.Required("gateway_id"): fields.text(40),
        probatio.Optional("name", default=""): fields.text(100, minimum=0),
    }
)
_TERMS: Final[dict[Any, Any]] = {
    probatio.Required("rights"): probatio.All(
        [probatio.In(NAMES)], probatio.Length(min=1, max=len(NAMES))
    ),
    probatio.Optional("valid", default=dict): schema(
        {
            probatio.Optional("from"): probatio.Any(None, _TIME),
            probatio.Optional("until"): probatio.Any(None, _TIME),
            probatio.Optional("weekdays"): probatio.Any(None, WEEKDAYS),
            probatio.Optional("times"): probatio.Any(None, TIMES),
            probatio.Optional("tz"): probatio.Any(None, time_zone),
        }
    ),
    probatio.Optional("uses", default=dict): schema(
        {probatio.Optional("max"): probatio.Any(None, fields.integer(1, 100_000))}
    ),
    probatio.Optional("pin"): probatio.Any(None, PIN),
    probatio.Optional("geofence"): probatio.Any(
        None, schema({probatio.Required("policy"): probatio.In([each.value for each in Policy])})
    ),
    probatio.Optional("second_person"): bool,
    probatio.Optional("notify", default=False): bool,
    **PERSON,
}
_CREATE: Final = schema(
    {probatio.Required("subject"): probatio.Any(*SUBJECT, _LINK, _GATEWAY), **_TERMS}
)
_CHANGE: Final = schema(
    {
        probatio.Required("rev"): fields.integer(1, 2**53),
        probatio.Optional("keep_pin", default=False): bool,
        **_TERMS,
    }
)
_REVOKE: Final = schema(PERSON)


@allow(Kind.USER, Kind.GATEWAY, fresh=True)
@once(secret=True)
async def create(request: web.Request) -> web.Response:
    """Give a person or a gateway rights at a lock; the token of a link is shown once."""
    app, lock, asked = request.app, managed_lock(request), body(request, _CREATE)
    require_owner(request, lock, asked)
    subject, token = asked["subject"], ""
    grant = Grant(
        grant_id=new_id(app, "gr"),
        device_id=lock.id,
        user_id=None,
        account=None,
        uid=0,
        rights=0,
        start=None,
        until=None,
        notify=0,
        created=app[LOCKS].now,
    )
    match subject["kind"]:
        case "link":
            token = encode_token(app[RANDOM](LINK_SIZE))
            grant = replace(grant, name=subject["name"], link=link_hash(token))
        case "gateway":
            gateway_id = _gateway_of(app, lock, subject)
            grant = replace(grant, name=subject["name"], gateway_id=gateway_id)
        case _:
            user_id, account = person_of(app, subject)
            grant = replace(grant, user_id=user_id, account=account)
    grant = _with_terms(app, grant, asked)
    require_bounded(request, grant)
    with app[DATABASE].write():
        grant = give(app, lock, grant, request[PRINCIPAL].address)
        note(request, lock, "grant.create", grant.grant_id, asked)
    shown = grant_json(app, grant)
    if token:
        shown["token"] = token
    return answer(request, shown, http=201)


def link_hash(token: str) -> bytes:
    """Return what is stored of a guest's token, 32 bytes."""
    return sha256(token.encode()).digest()


def person_of(app: web.Application, subject: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the user of a subject, or the account of a person who is not registered yet."""
    database = app[DATABASE]
    if subject["kind"] == "user":
        if accounts.user(database, subject["user_id"]) is None:
            raise RasError(Code.UNKNOWN, "There is no such user")
        return subject["user_id"], None
    account = from_body(subject["account"])
    found = accounts.user_of_account(database, account)
    return (None if found is None else found.user_id), account.value


def _gateway_of(app: web.Application, lock: Lock, subject: dict[str, Any]) -> str:
    """Return the gateway of a subject; one of the owner does as he does, and needs no grant."""
    gateway = gateways.get(app[DATABASE], subject["gateway_id"])
    if gateway is None:
        raise RasError(Code.UNKNOWN, "There is no such gateway")
    if gateway.user_id == lock.device.owner:
        raise RasError(
            Code.MALFORMED,
            "The gateway is the owner's own",
            errors=[("/subject/gateway_id", "the owner's own")],
        )
    return gateway.gateway_id


def _with_terms(app: web.Application, grant: Grant, asked: dict[str, Any]) -> Grant:
    """Return a grant with the terms of a body; raise 4001 if it could never be used."""
    start, until = asked["valid"].get("from"), asked["valid"].get("until")
    if until is not None and until <= max(app[LOCKS].now, start or 0):
        raise RasError(
            Code.MALFORMED,
            "The grant ends before it begins",
            errors=[("/valid/until", "too early")],
        )
    pin, geofence = asked.get("pin"), asked.get("geofence")
    return replace(
        grant,
        rights=rights_from_names(asked["rights"]),
        start=start,
        until=until,
        notify=int(asked["notify"]),
        schedule=dumps(from_fields(asked["valid"])),
        policy=None if geofence is None else geofence["policy"],
        pin=None if pin is None else pin_of(app, grant.grant_id, pin),
        uses_max=asked["uses"].get("max"),
        second_person=int(asked.get("second_person", grant.second_person)),
    )


def grant_json(app: web.Application, grant: Grant) -> dict[str, Any]:
    """Return a grant; a person who was named by his account is shown by it."""
    lock = app[LOCKS].get(grant.device_id)
    users = () if lock is None else lock.record.users
    return {
        "grant_id": grant.grant_id,
        "device_id": grant.device_id,
        "subject": subject_json(grant),
        "rights": rights_to_names(Right(grant.rights)),
        "valid": {"from": grant.start, "until": grant.until, **to_fields(loads(grant.schedule))},
        "uses": {"max": grant.uses_max, "spent": grant.uses_spent},
        "pin": grant.pin is not None,
        "geofence": None if grant.policy is None else {"policy": grant.policy},
        "second_person": bool(grant.second_person),
        "notify": bool(grant.notify),
        "household": grant.person_id,
        "revoked": grant.revoked,
        "synced": all(user.synced for user in users if user.uid == grant.uid),
        "created": grant.created,
        "rev": grant.rev,
    }


def subject_json(grant: Grant) -> dict[str, Any]:
    """Return whom a grant names, as its owner did."""
    if grant.link is not None:
        return {"kind": "link", "name": grant.name}
    if grant.gateway_id is not None:
        return {"kind": "gateway", "gateway_id": grant.gateway_id, "name": grant.name}
    if grant.account is None:
        return {"kind": "user", "user_id": grant.user_id}
    return {"kind": "account", "account": account_json(grant.account)}


def account_json(account: str) -> dict[str, str]:
    """Return the name of an account with its type."""
    return {"type": type_of(account), "value": account}


@allow(Kind.USER, Kind.GATEWAY)
async def show_all(request: web.Request) -> web.Response:
    """List the grants of a lock."""
    lock, asked = managed_lock(request), page(request)
    found = store.of_device(request.app[DATABASE], lock.id, asked.after, asked.limit + 1)
    return listing(request, asked, found, _position, lambda grant: grant_json(request.app, grant))


def _position(grant: Grant) -> Position:
    return grant.created, grant.grant_id


@allow(Kind.USER, Kind.GATEWAY)
async def show(request: web.Request) -> web.Response:
    """Show a grant to the owner of its lock, and to its holder."""
    require_manager(request)
    return answer(request, grant_json(request.app, _grant(request, holder=True)[0]))


@allow(Kind.USER, Kind.GATEWAY, fresh=True)
@once()
async def change(request: web.Request) -> web.Response:
    """Change the terms of a grant.

    What is not sent is no longer a limit; but the PIN as `keep_pin` says, and a second person is
    needed until that is taken back: no older client drops it unawares.
    """
    require_manager(request)
    app, asked = request.app, body(request, _CHANGE)
    grant, lock = _grant(request, holder=False)
    require_owner(request, lock, asked)
    require_given(request, grant)
    if grant.revoked is not None or grant.person_id is not None:
        raise RasError(Code.EXPIRED, "The grant is revoked, or belongs to the household")
    if asked["rev"] != grant.rev:
        raise RasError(Code.CHANGED, "The grant was changed in the meantime")
    after = _with_terms(app, grant, asked)
    if asked["keep_pin"]:
        after = replace(after, pin=grant.pin)
    require_bounded(request, after)
    after = change_terms(app, lock, grant, after, request[PRINCIPAL].address)
    note(request, lock, "grant.change", grant.grant_id, asked)
    return answer(request, grant_json(app, after))


@allow(Kind.USER, Kind.GATEWAY, fresh=True)
@once()
async def revoke(request: web.Request) -> web.Response:
    """End a grant here and now, and have its row deleted at the lock."""
    require_manager(request)
    asked = body(request, _REVOKE)
    grant, lock = _grant(request, holder=False)
    require_owner(request, lock, asked)
    end(request.app, lock, grant, request[PRINCIPAL].address)
    note(request, lock, "grant.revoke", grant.grant_id, asked)
    return answer(request)


@allow(Kind.USER)
async def show_uses(request: web.Request) -> web.Response:
    """List the uses of a grant: when, what for, how it ended, whether it counts."""
    grant, _ = _grant(request, holder=True)
    asked = page(request)
    found = store.uses(request.app[DATABASE], grant.grant_id, asked.after, asked.limit + 1)
    return listing(request, asked, found, lambda use: (use.at, use.use_id), _use_json)


def _use_json(use: Use) -> dict[str, Any]:
    return {
        "at": use.at,
        "cmd": use.command,
        "result": use.result,
        "counts": not use.returned,
    }


def _grant(request: web.Request, *, holder: bool) -> tuple[Grant, Lock]:
    """Return the grant of the path for the owner of its lock, or its holder; else raise 4005."""
    database, user_id = request.app[DATABASE], request[PRINCIPAL].user_id
    grant = store.get(database, request.match_info["grant_id"])
    lock = None if grant is None else request.app[LOCKS].get(grant.device_id)
    if grant is None or lock is None:
        raise RasError(Code.UNKNOWN, "There is no such grant")
    owns = lock.device.owner == user_id and store.is_of_owner(database, grant.grant_id)
    if not owns and not (holder and store.is_of(database, grant.grant_id, user_id)):
        raise RasError(Code.UNKNOWN, "There is no such grant")
    return grant, lock


ROUTES: Final = (
    web.get("/v1/devices/{device_id}/grants", show_all),
    web.post("/v1/devices/{device_id}/grants", create),
    web.get("/v1/grants/{grant_id}", show),
    web.put("/v1/grants/{grant_id}", change),
    web.delete("/v1/grants/{grant_id}", revoke),
    web.get("/v1/grants/{grant_id}/uses", show_uses),
)
