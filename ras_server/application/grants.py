"""Grants: the owner of a lock lets somebody in, and ends it (project profile, section 7.1)."""

from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.frame import Right
from igrs_codec.bsld.ticket import rights_from_names, rights_to_names

from .. import fields
from ..account.names import ACCOUNT, from_body
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL, new_id
from ..paging import Position, listing, page
from ..principal import Kind, allow
from ..store import accounts, grants as store
from ..store.grants import Grant
from ..web import answer, body, schema
from .access import own_lock
from .agenda import with_user, without_user
from .audit import AUDIT
from .decision import NAMES
from .locks import LOCKS
from .notices import REGISTRATION, ask_delivery, tell

_TIME: Final = fields.integer(0, 0xFFFFFFFF)


def _not_yet(_: object) -> object:
    """Refuse a limit that this server does not know: to ignore it would widen the grant."""
    raise probatio.Invalid("not supported by this server")


_VALID: Final = probatio.Schema(
    {
        probatio.Optional("from"): probatio.Any(None, _TIME),
        probatio.Optional("until"): probatio.Any(None, _TIME),
        probatio.Optional("tz"): str,
    }
)
_CREATE: Final = schema(
    {
        probatio.Required("subject"): probatio.Any(
            schema({probatio.Required("kind"): "user", probatio.Required("user_id"): str}),
            schema(
                {
                    probatio.Required("kind"): "account",
                    probatio.Required("account"): schema(ACCOUNT),
                }
            ),
        ),
        probatio.Required("rights"): probatio.All(
            [probatio.In(NAMES)], probatio.Length(min=1, max=len(NAMES))
        ),
        probatio.Optional("valid", default=dict): _VALID,
        probatio.Optional("uses"): _not_yet,
        probatio.Optional("pin"): _not_yet,
        probatio.Optional("geofence"): _not_yet,
        probatio.Optional("notify", default=False): bool,
    }
)


@allow(Kind.USER, fresh=True)
@once()
async def create(request: web.Request) -> web.Response:
    """Give a person rights at a lock."""
    app, lock, asked = request.app, own_lock(request), body(request, _CREATE)
    now = app[LOCKS].now
    user_id, account = _subject(request, asked["subject"])
    rights = rights_from_names(asked["rights"])
    start, until = asked["valid"].get("from"), asked["valid"].get("until")
    if until is not None and until <= max(now, start or 0):
        raise RasError(
            Code.MALFORMED,
            "The grant ends before it begins",
            errors=[("/valid/until", "too early")],
        )
    grant_id, uid = new_id(app, "gr"), app[LOCKS].new_uid(lock)
    grant = Grant(
        grant_id=grant_id,
        device_id=lock.id,
        user_id=user_id,
        account=account,
        uid=uid,
        rights=rights,
        start=start,
        until=until,
        notify=int(asked["notify"]),
        created=now,
    )
    record = with_user(lock.record, uid, rights, user_id=user_id, grant_id=grant_id)
    with app[DATABASE].write():
        store.add(app[DATABASE], grant)
        app[AUDIT].append(
            "grant.create",
            request[PRINCIPAL].address,
            lock.address,
            detail={"grant": grant_id, "rights": rights_to_names(rights)},
        )
        app[LOCKS].save(lock, record)
    ask_delivery(app, lock)
    if user_id is not None:
        tell(app, lock, [f"user:{user_id}"], REGISTRATION, {"op": "added"})
    return answer(request, _json(app, grant), http=201)


def _subject(request: web.Request, subject: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the user of a subject, or the account of a person who is not registered yet."""
    database = request.app[DATABASE]
    if subject["kind"] == "user":
        if accounts.user(database, subject["user_id"]) is None:
            raise RasError(Code.UNKNOWN, "There is no such user")
        return subject["user_id"], None
    account = from_body(subject["account"])
    found = accounts.user_of_account(database, account)
    return (None if found is None else found.user_id), account.value


def _json(app: web.Application, grant: Grant) -> dict[str, Any]:
    """Return a grant; a person who was named by his account is shown by it."""
    if grant.account is not None:
        kind = "phone" if grant.account.startswith("+") else "email"
        subject: dict[str, Any] = {
            "kind": "account",
            "account": {"type": kind, "value": grant.account},
        }
    else:
        subject = {"kind": "user", "user_id": grant.user_id}
    lock = app[LOCKS].get(grant.device_id)
    users = () if lock is None else lock.record.users
    return {
        "grant_id": grant.grant_id,
        "device_id": grant.device_id,
        "subject": subject,
        "rights": rights_to_names(Right(grant.rights)),
        "valid": {"from": grant.start, "until": grant.until},
        "notify": bool(grant.notify),
        "revoked": grant.revoked,
        "synced": all(user.synced for user in users if user.uid == grant.uid),
        "created": grant.created,
        "rev": grant.rev,
    }


@allow(Kind.USER)
async def show_all(request: web.Request) -> web.Response:
    """List the grants of a lock."""
    lock, asked = own_lock(request), page(request)
    found = store.of_device(request.app[DATABASE], lock.id, asked.after, asked.limit + 1)
    return listing(request, asked, found, _position, lambda grant: _json(request.app, grant))


def _position(grant: Grant) -> Position:
    return grant.created, grant.grant_id


@allow(Kind.USER)
async def show(request: web.Request) -> web.Response:
    """Show a grant to the owner of its lock, and to its holder."""
    return answer(request, _json(request.app, _grant(request, holder=True)))


@allow(Kind.USER, fresh=True)
async def revoke(request: web.Request) -> web.Response:
    """End a grant here and now, and have its row deleted at the lock."""
    app, grant = request.app, _grant(request, holder=False)
    lock = app[LOCKS].get(grant.device_id)
    if lock is not None and store.revoke(app[DATABASE], grant.grant_id, app[LOCKS].now):
        app[LOCKS].save(lock, without_user(lock.record, grant.uid))
        app[AUDIT].append(
            "grant.revoke",
            request[PRINCIPAL].address,
            lock.address,
            detail={"grant": grant.grant_id},
        )
        ask_delivery(app, lock)
        if grant.user_id is not None:
            tell(app, lock, [f"user:{grant.user_id}"], REGISTRATION, {"op": "removed"})
    return answer(request)


def _grant(request: web.Request, *, holder: bool) -> Grant:
    """Return the grant of the path for the owner of its lock, or its holder; else raise 4005."""
    database, user_id = request.app[DATABASE], request[PRINCIPAL].user_id
    grant = store.get(database, request.match_info["grant_id"])
    lock = None if grant is None else request.app[LOCKS].get(grant.device_id)
    if grant is None or lock is None:
        raise RasError(Code.UNKNOWN, "There is no such grant")
    if lock.device.owner != user_id and not (
        holder and store.is_of(database, grant.grant_id, user_id)
    ):
        raise RasError(Code.UNKNOWN, "There is no such grant")
    return grant


ROUTES: Final = (
    web.get("/v1/devices/{device_id}/grants", show_all),
    web.post("/v1/devices/{device_id}/grants", create),
    web.get("/v1/grants/{grant_id}", show),
    web.delete("/v1/grants/{grant_id}", revoke),
)
