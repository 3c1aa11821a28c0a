"""The second factor of a login: codes of an app and recovery codes, or a code that is sent.

Who has an app uses it: the account channel is then no way in any more (project profile, 3).
"""

from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..application.audit import AUDIT
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL, RANDOM, SETTINGS, VAULT, now
from ..principal import Kind, allow
from ..store import accounts, factors, sessions
from ..store.accounts import User
from ..web import answer, body, schema
from . import otp, tries

TOTP: Final = "totp"
RECOVERY: Final = "recovery"
CODE: Final = fields.text(40)
_RECOVERY_CODES: Final = 10

_CONFIRM: Final = schema({probatio.Required("code"): CODE})


def methods(app: web.Application, user: User) -> list[str]:
    """Return the second factors of a user."""
    if factors.totp(app[DATABASE], user.user_id, active=True) is None:
        return [user.account.type]
    return [TOTP, RECOVERY] if factors.codes_left(app[DATABASE], user.user_id) else [TOTP]


def take(app: web.Application, user_id: str, method: str, code: str) -> bool:
    """Use up a code of the user's app, or a recovery code; False if it is wrong."""
    if method == RECOVERY:
        return factors.use_code(app[DATABASE], user_id, otp.hash_recovery_code(code))
    step = _step(app, user_id, code, active=True)
    if step is not None:
        factors.set_step(app[DATABASE], user_id, step)
    return step is not None


@allow(Kind.USER, fresh=True)
@once(secret=True)
async def begin(request: web.Request) -> web.Response:
    """Give a secret for an app, and recovery codes; they count once a code was right."""
    app, user = request.app, _me(request)
    secret = app[RANDOM](otp.SECRET_SIZE)
    codes = _new_codes(app)
    sealed = app[VAULT].seal(secret, table="totp", row=user.user_id, column="secret")
    hashes = [otp.hash_recovery_code(code) for code in codes]
    factors.prepare(app[DATABASE], user.user_id, sealed, hashes, now(app))
    data = {
        "secret": otp.encode_secret(secret),
        "uri": otp.uri(secret, app[SETTINGS].name, user.account.value),
        "recovery_codes": codes,
    }
    return answer(request, data)


@allow(Kind.USER, fresh=True)
@once()
async def confirm(request: web.Request) -> web.Response:
    """Take the first code of an app: from now on every login asks for one."""
    app, user = request.app, _me(request)
    key = tries.credential(TOTP, user.user_id)
    tries.require(app, key)
    step = _step(app, user.user_id, body(request, _CONFIRM)["code"], active=False)
    if step is None:
        tries.wrong(app, key)
        raise RasError(Code.VERIFICATION_WRONG, "The code is wrong")
    with app[DATABASE].write():
        factors.activate(app[DATABASE], user.user_id, step)
        sessions.remove_trust(app[DATABASE], user.user_id)
    _audit(request, "user.totp.on")
    return answer(request, {"second_factor": methods(app, user)})


@allow(Kind.USER, fresh=True)
@once(secret=True)
async def new_recovery_codes(request: web.Request) -> web.Response:
    """Give other recovery codes instead of those the user has."""
    app, user = request.app, _me(request)
    if factors.totp(app[DATABASE], user.user_id, active=True) is None:
        raise RasError(Code.UNKNOWN, "No app gives codes for this account")
    codes = _new_codes(app)
    hashes = [otp.hash_recovery_code(code) for code in codes]
    factors.replace_codes(app[DATABASE], user.user_id, hashes)
    _audit(request, "user.totp.codes")
    return answer(request, {"recovery_codes": codes})


@allow(Kind.USER, fresh=True)
@once()
async def end(request: web.Request) -> web.Response:
    """Ask for no code of an app any more, but for one that is sent to the account."""
    app, user = request.app, _me(request)
    if factors.remove(app[DATABASE], user.user_id):
        _audit(request, "user.totp.off")
    return answer(request, {"second_factor": methods(app, user)})


def _step(app: web.Application, user_id: str, code: str, *, active: bool) -> int | None:
    """Return the step of a right code that was not taken before."""
    known = factors.totp(app[DATABASE], user_id, active=active)
    if known is None:
        return None
    secret = app[VAULT].open(known.secret, table="totp", row=user_id, column="secret")
    return otp.step_of(code, secret, now(app), known.step)


def _new_codes(app: web.Application) -> list[str]:
    return [otp.new_recovery_code(app[RANDOM]) for _ in range(_RECOVERY_CODES)]


def _me(request: web.Request) -> User:
    user = accounts.user(request.app[DATABASE], request[PRINCIPAL].user_id)
    if user is None:
        raise RasError(Code.TOKEN_INVALID, "The user has been deleted")
    return user


def _audit(request: web.Request, action: str) -> None:
    who = request[PRINCIPAL].address
    request.app[AUDIT].append(action, actor=who, object_=who)


def description(app: web.Application, user: User) -> dict[str, Any]:
    """Return what a user sees of his second factors."""
    data: dict[str, Any] = {"second_factor": methods(app, user)}
    if TOTP in data["second_factor"]:
        data["recovery_codes"] = factors.codes_left(app[DATABASE], user.user_id)
    return data


ROUTES: Final = (
    web.post("/v1/users/me/totp", begin),
    web.post("/v1/users/me/totp/confirm", confirm),
    web.post("/v1/users/me/totp/recovery-codes", new_recovery_codes),
    web.delete("/v1/users/me/totp", end),
)
