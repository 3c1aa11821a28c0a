"""Administration: only over the server's own unix socket (project profile, 12)."""

import asyncio
from pathlib import Path
from typing import Any, Final

from aiohttp import web
import probatio

from . import fields
from .account import names, scram, tries
from .account.registration import LOCALE, NAME, sealed
from .account.sessions import SESSIONS
from .application.audit import AUDIT
from .errors import Code, RasError
from .keys import DATABASE, PRINCIPAL, new_id, now
from .paging import listing, page
from .principal import Kind, allow
from .store import accounts, factors
from .store.accounts import User
from .web import answer, body, long_lived, schema

_ADD: Final = schema(
    {
        probatio.Required("account"): names.ACCOUNT,
        probatio.Required("display_name"): NAME,
        probatio.Optional("locale", default="en"): LOCALE,
        probatio.Required("scram"): scram.VERIFIER,
    }
)
_BACKUP: Final = schema({probatio.Required("path"): fields.text(1000)})


@allow(Kind.ADMIN)
async def users(request: web.Request) -> web.Response:
    """List the users."""
    asked = page(request)
    found = accounts.users(request.app[DATABASE], asked.after, asked.limit + 1)
    return listing(request, asked, found, lambda user: (user.created, user.user_id), _description)


@allow(Kind.ADMIN)
async def add_user(request: web.Request) -> web.Response:
    """Add a user whose account the administrator vouches for."""
    asked = body(request, _ADD)
    user_id = new_id(request.app, "u")
    user = User(
        user_id=user_id,
        account=names.from_body(asked["account"]),
        scram=sealed(request.app, user_id, asked["scram"]),
        display_name=asked["display_name"],
        locale=asked["locale"],
        created=now(request.app),
    )
    try:
        accounts.add_user(request.app[DATABASE], user)
    except accounts.AccountTakenError:
        raise RasError(Code.ACCOUNT_TAKEN, "The account is registered already") from None
    _audit(request, "user.register", user)
    return answer(request, _description(user), http=201)


@allow(Kind.ADMIN)
async def lock_user(request: web.Request) -> web.Response:
    """Lock a user out: every login of his and of his gateways ends."""
    user = _user(request)
    with request.app[DATABASE].write():
        accounts.set_locked(request.app[DATABASE], user.user_id, locked=True)
        request.app[SESSIONS].close_user(user.user_id)
    _audit(request, "user.lock", user)
    return answer(request)


@allow(Kind.ADMIN)
async def unlock_user(request: web.Request) -> web.Response:
    """Let a user in again, whatever was tried before."""
    user = _user(request)
    accounts.set_locked(request.app[DATABASE], user.user_id, locked=False)
    tries.forgive(request.app, tries.credential("password", user.account.value))
    _audit(request, "user.unlock", user)
    return answer(request)


@allow(Kind.ADMIN)
async def end_totp(request: web.Request) -> web.Response:
    """Ask a user who lost his app for a code that is sent to his account."""
    user = _user(request)
    if factors.remove(request.app[DATABASE], user.user_id):
        _audit(request, "user.totp.off", user)
    return answer(request)


@allow(Kind.ADMIN)
@long_lived
async def backup(request: web.Request) -> web.Response:
    """Copy the database to a new file; the key file is not part of it."""
    path = body(request, _BACKUP)["path"]
    try:
        await asyncio.to_thread(request.app[DATABASE].backup, Path(path))
    except OSError as err:
        raise RasError(Code.MALFORMED, f"{path}: {err.strerror}") from None
    request.app[AUDIT].append("server.backup", actor=request[PRINCIPAL].address, object_="ras:db")
    return answer(request, {"path": path})


def _user(request: web.Request) -> User:
    user = accounts.user(request.app[DATABASE], request.match_info["user_id"])
    if user is None:
        raise RasError(Code.UNKNOWN, "There is no such user")
    return user


def _audit(request: web.Request, action: str, user: User) -> None:
    actor = request[PRINCIPAL].address
    request.app[AUDIT].append(action, actor=actor, object_=f"user:{user.user_id}")


def _description(user: User) -> dict[str, Any]:
    return {
        "user_id": user.user_id,
        "account": user.account.to_json(),
        "display_name": user.display_name,
        "locked": user.locked,
        "created": user.created,
    }


ROUTES: Final = (
    web.get("/v1/admin/users", users),
    web.post("/v1/admin/users", add_user),
    web.post("/v1/admin/users/{user_id}/lock", lock_user),
    web.post("/v1/admin/users/{user_id}/unlock", unlock_user),
    web.delete("/v1/admin/users/{user_id}/totp", end_totp),
    web.post("/v1/admin/backup", backup),
)
