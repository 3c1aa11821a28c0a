"""The rows of a lock: who is written there (section 5; protocol 7.1)."""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.frame import Right
from igrs_codec.bsld.ticket import rights_from_names, rights_to_names

from .. import fields
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, allow
from ..store import grants
from ..store.devices import LockUser
from ..web import answer, body, schema
from .access import own_lock
from .agenda import without_user
from .audit import AUDIT
from .decision import NAMES
from .granting import end_each
from .locks import LOCKS, Lock
from .notices import ask_delivery

_CHANGE: Final = schema(
    {
        probatio.Required("rights"): [probatio.In(NAMES)],
        probatio.Optional("not_before", default=None): probatio.Any(
            None, fields.integer(0, 0xFFFFFFFF)
        ),
    }
)


def _json(user: LockUser) -> dict[str, Any]:
    return {
        "uid": user.uid,
        "row": user.lock_row,
        "rights": rights_to_names(Right(user.rights)),
        "not_before": user.not_before,
        "user_id": user.user_id,
        "grant_id": user.grant_id,
        "wanted": bool(user.wanted),
        "synced": bool(user.synced),
    }


@allow(Kind.USER)
async def show_all(request: web.Request) -> web.Response:
    """List the rows of the lock: who is written there, and whether the lock has confirmed it."""
    items = [_json(user) for user in own_lock(request).record.users]
    return answer(request, {"items": items, "next": None})


@allow(Kind.USER)
async def show(request: web.Request) -> web.Response:
    """Show one row."""
    return answer(request, _json(_row(request, own_lock(request))))


def _row(request: web.Request, lock: Lock, *, may_be_owner: bool = True) -> LockUser:
    """Return the row of the path, or raise 4005; 3001 for the owner's if that is not wanted."""
    uid = request.match_info["uid"]
    found = next((user for user in lock.record.users if str(user.uid) == uid), None)
    if found is None:
        raise RasError(Code.UNKNOWN, "The lock has no such row")
    if found.uid == lock.device.uid and not may_be_owner:
        raise RasError(Code.NOT_PERMITTED, "The row of the owner stays as it is")
    return found


@allow(Kind.USER, fresh=True)
@once()
async def change(request: web.Request) -> web.Response:
    """Write a row anew with other rights; they hold besides those of the grant."""
    app, lock, asked = request.app, own_lock(request), body(request, _CHANGE)
    row = _row(request, lock, may_be_owner=False)
    if not row.wanted:
        raise RasError(Code.UNKNOWN, "The row is being deleted")
    changed = replace(
        row,
        rights=int(rights_from_names(asked["rights"])),
        not_before=asked["not_before"],
        synced=0,
    )
    users = (changed if user.uid == row.uid else user for user in lock.record.users)
    app[LOCKS].save(lock, replace(lock.record, users=tuple(users)))
    app[AUDIT].append(
        "user_row.change",
        request[PRINCIPAL].address,
        lock.address,
        detail={"rights": asked["rights"], "uid": row.uid},
    )
    ask_delivery(app, lock)
    return answer(request, _json(changed), http=202)


@allow(Kind.USER, fresh=True)
@once()
async def delete(request: web.Request) -> web.Response:
    """Delete a row at the lock, and end the grants it is for: links may share it."""
    app, lock = request.app, own_lock(request)
    row, actor = _row(request, lock, may_be_owner=False), request[PRINCIPAL].address
    with app[DATABASE].write():
        app[AUDIT].append("user_row.delete", actor, lock.address, detail={"uid": row.uid})
        end_each(app, grants.live_of_uid(app[DATABASE], lock.id, row.uid, app[LOCKS].now), actor)
        app[LOCKS].save(lock, without_user(lock.record, row.uid))
    ask_delivery(app, lock)
    return answer(request, http=202)


ROUTES: Final = (
    web.get("/v1/devices/{device_id}/users", show_all),
    web.get("/v1/devices/{device_id}/users/{uid}", show),
    web.put("/v1/devices/{device_id}/users/{uid}", change),
    web.delete("/v1/devices/{device_id}/users/{uid}", delete),
)
