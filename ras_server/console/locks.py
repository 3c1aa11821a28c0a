"""Locks: their state, who has access, what happened."""

from typing import Any, Final

from aiohttp import web
from yarl import URL

from ..errors import Code, RasError
from ..keys import now
from ..paging import MAXIMUM_LIMIT
from .action import Action, form, refused
from .page import HOME, Visitor, page

_COMMAND_LIFE: Final = 20  # seconds
_WAIT: Final = 15  # seconds
_LOG: Final = 30  # records on the page of a lock
_DONE: Final = {"lock": "locked", "unlock": "unlocked", "open": "opened"}
LOCK: Final = "/console/locks/{device_id}"


async def show_all(visitor: Visitor) -> web.Response:
    """List the locks of the visitor, and those that are about to change hands."""
    data = await visitor.ask("GET", URL("/v1/devices").with_query(visitor.request.query))
    transfers = await visitor.ask("GET", "/v1/transfers")
    asks = await visitor.ask("GET", "/v1/confirmations")
    return visitor.render(
        "locks.html",
        locks=data["items"],
        more=data["next"],
        transfers=transfers["items"],
        asks=asks["items"],
    )


async def show(visitor: Visitor) -> web.Response:
    """Show one lock, and to its owner who has access."""
    path = f"/v1/devices/{visitor.path['device_id']}"
    lock = await visitor.ask("GET", path)
    owner = lock["owner"] == visitor.user_id
    nothing: dict[str, Any] = {"items": []}
    grants = await _all(visitor, f"{path}/grants") if owner else []
    codes = await visitor.ask("GET", f"{path}/codes") if owner else nothing
    config = await visitor.ask("GET", f"{path}/config") if owner else {}
    asks = await visitor.ask("GET", "/v1/confirmations")
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
        grants=[grant for grant in grants if grant["revoked"] is None],
        codes=[code for code in codes["items"] if code["state"] == "live"],
        config=config,
        asks=[ask for ask in asks["items"] if ask["device_id"] == lock["device_id"]],
        log=log[: -_LOG - 1 : -1],
    )


async def _all(visitor: Visitor, path: str) -> list[dict[str, Any]]:
    """Return a whole list: its pages begin with what is oldest, and the newest counts most."""
    items: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"limit": MAXIMUM_LIMIT}
    while True:
        data = await visitor.ask("GET", URL(path).with_query(query))
        items += data["items"]
        if data["next"] is None:
            return items
        query["cursor"] = data["next"]


async def operate(visitor: Visitor) -> web.Response:
    """Lock, unlock or open; ask for what the decision wants to see besides."""
    device_id, command = visitor.path["device_id"], visitor.field("cmd")
    try:
        data = await visitor.ask("POST", f"/v1/devices/{device_id}/operate", wish(visitor))
    except RasError as err:
        if err.code in {Code.CONFIRMATION_NEEDED, Code.PIN_WRONG}:
            visitor.problem = err
            return visitor.render(
                "confirm.html",
                command=command,
                needs=err.data.get("needs", "pin"),
                confirmation=err.data.get("confirmation", ""),
            )
        return await refused(visitor, err, show)
    return visitor.go(LOCK.format(device_id=device_id), done(command, data))


def wish(visitor: Visitor) -> dict[str, Any]:
    """Return the command of the form for the API, and what is shown for it."""
    fields = {"cmd": visitor.field("cmd"), "expires": now(visitor.app) + _COMMAND_LIFE}
    shown = {name: value for name in ("pin", "confirm") if (value := visitor.field(name))}
    return fields | {"wait": _WAIT} | shown


def done(command: str, data: dict[str, Any]) -> str:
    """Return the name of what was done, by the answer to a command."""
    return _DONE[command] if "result" in data else "waiting"


def _name(visitor: Visitor) -> dict[str, Any]:
    return {"name": visitor.field("name"), "rev": visitor.number("rev")}


def _config(visitor: Visitor) -> dict[str, Any]:
    return {
        "auto_relock_s": visitor.number("auto_relock_s"),
        "relock_needs_door": bool(visitor.field("relock_needs_door")),
        "keypad_off": bool(visitor.field("keypad_off")),
        "rev": visitor.number("rev"),
    }


def _reason(visitor: Visitor) -> dict[str, Any]:
    return {"reason": visitor.field("reason")}


async def remove(visitor: Visitor) -> web.Response:
    """Remove a lock, or forget it here only."""
    mode = visitor.field("mode")
    path = f"/v1/devices/{visitor.path['device_id']}/remove"
    try:
        await visitor.ask("POST", path, {"mode": mode})
    except RasError as err:
        return await refused(visitor, err, show)
    return visitor.go(HOME, "forgotten" if mode == "forget" else "removed")


ROUTES: Final = (
    web.get(HOME, page(show_all)),
    web.get(LOCK, page(show)),
    web.post(f"{LOCK}/operate", page(operate)),
    web.post(f"{LOCK}/remove", page(remove)),
    form(
        f"{LOCK}/config",
        Action(
            method="PUT",
            api="/v1/devices/{device_id}/config",
            fields=_config,
            back=LOCK,
            done="configured",
            shown=show,
        ),
    ),
    form(
        f"{LOCK}/name",
        Action(
            method="PATCH",
            api="/v1/devices/{device_id}",
            fields=_name,
            back=LOCK,
            done="renamed",
            shown=show,
        ),
    ),
    form(
        f"{LOCK}/rekey",
        Action(
            method="POST",
            api="/v1/devices/{device_id}/rekey",
            fields=_reason,
            back=LOCK,
            done="rekeying",
            shown=show,
        ),
    ),
    form(
        f"{LOCK}/revoke-all",
        Action(
            method="POST",
            api="/v1/devices/{device_id}/revoke-all",
            back=LOCK,
            done="tickets-ended",
            shown=show,
        ),
    ),
)
