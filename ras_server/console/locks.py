"""Locks: their state, who has access, what happened."""

from datetime import datetime
from typing import Any, Final

from aiohttp import web
from yarl import URL

from ..errors import Code, RasError
from ..keys import now
from .action import Action, form, refused
from .page import HOME, Visitor, page

_COMMAND_LIFE: Final = 20  # seconds
_WAIT: Final = 15  # seconds
_LOG: Final = 30  # records on the page of a lock
_DONE: Final = {"lock": "locked", "unlock": "unlocked", "open": "opened"}
_BACK: Final = "/console/locks/{device_id}"


async def show_all(visitor: Visitor) -> web.Response:
    """List the locks of the visitor."""
    data = await visitor.ask("GET", URL("/v1/devices").with_query(visitor.request.query))
    return visitor.render("locks.html", locks=data["items"], more=data["next"])


async def show(visitor: Visitor) -> web.Response:
    """Show one lock, and to its owner who has access."""
    path = f"/v1/devices/{visitor.path['device_id']}"
    lock = await visitor.ask("GET", path)
    owner = lock["owner"] == visitor.user_id
    grants = await visitor.ask("GET", f"{path}/grants?limit=200") if owner else {"items": []}
    try:
        log = (await visitor.ask("GET", f"{path}/log?limit=200"))["items"]
    except RasError as err:
        if err.code is not Code.NOT_PERMITTED:
            raise
        log = []
    return visitor.render(
        "lock.html",
        lock=lock,
        owner=owner,
        grants=[grant for grant in grants["items"] if grant["revoked"] is None],
        log=log[: -_LOG - 1 : -1],
    )


async def operate(visitor: Visitor) -> web.Response:
    """Lock, unlock or open."""
    device_id, command = visitor.path["device_id"], visitor.field("cmd")
    fields = {"cmd": command, "expires": now(visitor.app) + _COMMAND_LIFE, "wait": _WAIT}
    try:
        data = await visitor.ask("POST", f"/v1/devices/{device_id}/operate", fields)
    except RasError as err:
        return await refused(visitor, err, show)
    done = _DONE[command] if "result" in data else "waiting"
    return visitor.go(_BACK.format(device_id=device_id), done)


def _name(visitor: Visitor) -> dict[str, Any]:
    return {"name": visitor.field("name"), "rev": visitor.number("rev")}


def _grant(visitor: Visitor) -> dict[str, Any]:
    account = visitor.field("account")
    return {
        "subject": {
            "kind": "account",
            "account": {"type": "phone" if account.startswith("+") else "email", "value": account},
        },
        "rights": visitor.fields("right"),
        "valid": {"from": _moment(visitor, "from"), "until": _moment(visitor, "until")},
    }


def _moment(visitor: Visitor, name: str) -> int | None:
    """Return a time of the form, in the zone of the visitor, as Unix seconds."""
    text = visitor.field(name)
    if not text:
        return None
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=visitor.zone).timestamp())
    except ValueError, OverflowError:
        raise RasError(
            Code.MALFORMED, "Not a time", errors=[(f"/valid/{name}", "not a date and a time")]
        ) from None


def _reason(visitor: Visitor) -> dict[str, Any]:
    return {"reason": visitor.field("reason")}


ROUTES: Final = (
    web.get(HOME, page(show_all)),
    web.get(_BACK, page(show)),
    web.post(f"{_BACK}/operate", page(operate)),
    form(
        f"{_BACK}/name",
        Action(
            method="PATCH",
            api="/v1/devices/{device_id}",
            fields=_name,
            back=_BACK,
            done="renamed",
            shown=show,
        ),
    ),
    form(
        f"{_BACK}/grants",
        Action(
            method="POST",
            api="/v1/devices/{device_id}/grants",
            fields=_grant,
            back=_BACK,
            done="granted",
            shown=show,
        ),
    ),
    form(
        f"{_BACK}/grants/{{grant_id}}/revoke",
        Action(
            method="DELETE",
            api="/v1/grants/{grant_id}",
            back=_BACK,
            done="revoked",
            shown=show,
        ),
    ),
    form(
        f"{_BACK}/rekey",
        Action(
            method="POST",
            api="/v1/devices/{device_id}/rekey",
            fields=_reason,
            back=_BACK,
            done="rekeying",
            shown=show,
        ),
    ),
    form(
        f"{_BACK}/revoke-all",
        Action(
            method="POST",
            api="/v1/devices/{device_id}/revoke-all",
            back=_BACK,
            done="tickets-ended",
            shown=show,
        ),
    ),
)
