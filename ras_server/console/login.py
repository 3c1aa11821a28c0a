"""Logging in and out: the password, then the second factor."""

from typing import Any, Final

from aiohttp import web

from ..errors import Code, RasError
from .action import refused
from .page import HOME, LOGIN, Visitor, page
from .password import PROVER
from .visits import open_visit

_TRUST_COOKIE: Final = "ras_trust"
_TRUST_LIFE: Final = 30 * 24 * 3600  # seconds

_WHY: Final = {
    "over": "Your login has ended. Please log in again.",
    "fresh": "For this your login must be at most five minutes old. Please log in again, then"
    " repeat what you wanted to do.",
}


async def show(visitor: Visitor) -> web.Response:
    """Ask for account and password."""
    query = visitor.request.query
    return visitor.render(
        "login.html",
        next=_inside(visitor.field("next") or query.get("next", "")),
        why=_WHY.get(query.get("why", "")),
        account=visitor.field("account"),
    )


async def password(visitor: Visitor) -> web.Response:
    """Check the password, and have the code of the second factor sent."""
    trust_token = visitor.request.cookies.get(_TRUST_COOKIE)
    account, secret = visitor.field("account"), visitor.secret("password")
    try:
        data = await visitor.app[PROVER].prove(visitor.ask_as_nobody, account, secret, trust_token)
    except RasError as err:
        visitor.problem = err
        return await show(visitor)
    if data["next"] == "done":
        return _entered(visitor, data)
    return _ask_code(visitor, data["sasl_id"], data["methods"])


async def code(visitor: Visitor) -> web.Response:
    """Check the code, and let the visitor in."""
    sasl_id, methods = visitor.field("sasl_id"), visitor.fields("methods")
    fields = {
        "sasl_id": sasl_id,
        "method": visitor.field("method"),
        "code": visitor.field("code").replace(" ", ""),
        "trust": bool(visitor.field("trust")),
    }
    try:
        data = await visitor.ask_as_nobody("/v1/auth/second-factor", fields)
    except RasError as err:
        visitor.problem = err
        if err.code is Code.UNKNOWN:
            return await show(visitor)
        return _ask_code(visitor, sasl_id, methods)
    if "trust_token" in data:
        visitor.keep(_TRUST_COOKIE, data["trust_token"], _TRUST_LIFE)
    return _entered(visitor, data)


async def send(visitor: Visitor) -> web.Response:
    """Send the code again."""
    sasl_id, methods = visitor.field("sasl_id"), visitor.fields("methods")
    try:
        fields = {"sasl_id": sasl_id, "method": visitor.field("method")}
        await visitor.ask_as_nobody("/v1/auth/second-factor/send", fields)
    except RasError as err:
        return await refused(visitor, err, show)
    return _ask_code(visitor, sasl_id, methods)


async def leave(visitor: Visitor) -> web.Response:
    """Log out."""
    visitor.leave()
    return visitor.go(LOGIN)


def _ask_code(visitor: Visitor, sasl_id: str, methods: list[str]) -> web.Response:
    return visitor.render(
        "code.html", sasl_id=sasl_id, methods=methods, next=_inside(visitor.field("next"))
    )


def _entered(visitor: Visitor, tokens: dict[str, Any]) -> web.Response:
    visitor.leave()
    visitor.enter(open_visit(visitor.app, tokens))
    return visitor.go(_inside(visitor.field("next")))


def _inside(path: str) -> str:
    """Return a path if it is one of the console, else the first page."""
    return path if path.startswith(HOME) and not path.startswith(LOGIN) else HOME


ROUTES: Final = (
    web.get(LOGIN, page(show, open_to_all=True)),
    web.post(LOGIN, page(password, open_to_all=True)),
    web.post(f"{LOGIN}/code", page(code, open_to_all=True)),
    web.post(f"{LOGIN}/send", page(send, open_to_all=True)),
    web.post("/console/logout", page(leave)),
)
