"""A new account, and a new password for an old one: both prove the account by a code first."""

from typing import Any, Final

from aiohttp import web

from ..account.names import parse
from ..errors import RasError
from .action import refused
from .page import LOGIN, Visitor, page
from .password import PROVER, SHORTEST

_REGISTER: Final = "/console/register"
_RESET: Final = "/console/reset"

_PURPOSES: Final = {
    _REGISTER: ("register", "/v1/users/register", "registered"),
    _RESET: ("reset", "/v1/users/reset", "reset"),
}
"""For each page: the purpose of its code, the route of the API, what is done then."""


async def show(visitor: Visitor) -> web.Response:
    """Ask for the account."""
    return visitor.render("account_name.html", **_values(visitor))


async def send(visitor: Visitor) -> web.Response:
    """Have a code sent, and ask for it and for the new password."""
    purpose, _, _ = _PURPOSES[_start(visitor)]
    try:
        fields = {"account": _account(visitor), "purpose": purpose}
        sent = await visitor.ask_as_nobody("/v1/users/verification", fields)
    except RasError as err:
        return await refused(visitor, err, show)
    return _ask(visitor, sent["verification_id"])


async def finish(visitor: Visitor) -> web.Response:
    """Give the account its password."""
    purpose, path, done = _PURPOSES[_start(visitor)]
    verification_id, password = visitor.field("verification_id"), visitor.secret("password")
    try:
        fields = {
            "account": _account(visitor),
            "verification_id": verification_id,
            "verification_code": visitor.field("code"),
            "scram": await visitor.app[PROVER].verifier(password),
        }
        if purpose == "register":
            fields["display_name"] = visitor.field("display_name")
        await visitor.ask_as_nobody(path, fields)
    except RasError as err:
        visitor.problem = err
        return _ask(visitor, verification_id)
    return visitor.go(LOGIN, done)


def _ask(visitor: Visitor, verification_id: str) -> web.Response:
    return visitor.render(
        "account_password.html", verification_id=verification_id, **_values(visitor)
    )


def _values(visitor: Visitor) -> dict[str, Any]:
    start = _start(visitor)
    return {
        "start": start,
        "purpose": _PURPOSES[start][0],
        "account": visitor.field("account"),
        "shortest": SHORTEST,
    }


def _start(visitor: Visitor) -> str:
    """Return the first page of what the visitor is doing."""
    return _RESET if visitor.request.path.startswith(_RESET) else _REGISTER


def _account(visitor: Visitor) -> dict[str, str]:
    """Return the account of the form for the API, which refuses one that is none."""
    account = parse(visitor.field("account"))
    return account.to_json() if account else {"type": "email", "value": visitor.field("account")}


ROUTES: Final = tuple(
    route
    for start in _PURPOSES
    for route in (
        web.get(start, page(show, open_to_all=True)),
        web.post(start, page(send, open_to_all=True)),
        web.post(f"{start}/password", page(finish, open_to_all=True)),
    )
)
