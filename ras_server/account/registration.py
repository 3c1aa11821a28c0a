"""User registration (clause 7.1, Figures 8, A.1, A.2) and the reset of a password."""

import re
from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..application.audit import AUDIT
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, VAULT, new_id, now
from ..principal import public
from ..store import accounts, gateways, sessions
from ..web import answer, body, schema
from . import codes, names, scram, tries
from .sessions import SESSIONS

LOCALE: Final = fields.pattern(
    re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}"), "a language tag"
)
NAME: Final = fields.text(100)

_VERIFICATION: Final = schema(
    {
        probatio.Required("account"): names.ACCOUNT,
        probatio.Required("purpose"): probatio.In(["register", "reset"]),
    }
)
_PROVED: Final = {
    probatio.Required("account"): names.ACCOUNT,
    probatio.Required("verification_id"): fields.text(40),
    probatio.Required("verification_code"): fields.text(12),
    probatio.Required("scram"): scram.VERIFIER,
}
_REGISTER: Final = schema(
    _PROVED
    | {
        probatio.Required("display_name"): NAME,
        probatio.Optional("locale", default="en"): LOCALE,
    }
)
_RESET: Final = schema(_PROVED)


@public
@once()
async def verification(request: web.Request) -> web.Response:
    """Send a code to an account; the answer is the same whether it is registered or not."""
    asked = body(request, _VERIFICATION)
    account = names.from_body(asked["account"])
    return answer(request, await codes.send(request.app, account, asked["purpose"]))


@public
@once()
async def register(request: web.Request) -> web.Response:
    """Register the user of a verified account."""
    asked = body(request, _REGISTER)
    account = names.from_body(asked["account"])
    database = request.app[DATABASE]
    codes.use(request, asked["verification_id"], asked["verification_code"], account, "register")
    user_id = new_id(request.app, "u")
    try:
        accounts.add_user(
            database,
            accounts.User(
                user_id=user_id,
                account=account,
                scram=sealed(request.app, user_id, asked["scram"]),
                display_name=asked["display_name"],
                locale=asked["locale"],
                created=now(request.app),
            ),
        )
    except accounts.AccountTakenError:
        raise RasError(Code.ACCOUNT_TAKEN, "The account is registered already") from None
    who = f"user:{user_id}"
    request.app[AUDIT].append("user.register", actor=who, object_=who)
    data = {"user_id": user_id, "account": account.to_json(), "second_factor": [account.type]}
    return answer(request, data, http=201)


@public
@once()
async def reset(request: web.Request) -> web.Response:
    """Set a new password for a verified account; every login and gateway secret ends."""
    asked = body(request, _RESET)
    account = names.from_body(asked["account"])
    database = request.app[DATABASE]
    codes.use(request, asked["verification_id"], asked["verification_code"], account, "reset")
    user = accounts.user_of_account(database, account)
    if user is None:
        raise RasError(Code.UNKNOWN, "The account is not registered")
    verifier = sealed(request.app, user.user_id, asked["scram"])
    with database.write():
        accounts.set_scram(database, user.user_id, verifier)
        sessions.remove_trust(database, user.user_id)
        gateways.end_secrets(database, user.user_id)
        request.app[SESSIONS].close_user(user.user_id)
        tries.forgive(request.app, tries.credential("password", account.value))
    who = f"user:{user.user_id}"
    request.app[AUDIT].append("user.reset", actor=who, object_=who)
    return answer(request)


def sealed(app: web.Application, user_id: str, given: dict[str, Any]) -> bytes:
    """Return the verifier in a body as it is stored with its user."""
    return scram.Verifier(
        salt=given["salt"],
        iterations=given["iterations"],
        stored_key=given["stored_key"],
        server_key=given["server_key"],
    ).sealed(app[VAULT], user_id)


ROUTES: Final = (
    web.post("/v1/users/verification", verification),
    web.post("/v1/users/register", register),
    web.post("/v1/users/reset", reset),
)
