"""Codes for the keypad of a lock: given out once, listed without their digits, cancelled."""

from typing import Any, Final

from aiohttp import web

from ..errors import RasError
from .action import Action, form, refused
from .grants import moment
from .locks import LOCK, show
from .page import Visitor, page


async def issue(visitor: Visitor) -> web.Response:
    """Show a new code, this once."""
    device_id = visitor.path["device_id"]
    fields: dict[str, Any] = {"class": visitor.number("class"), "name": visitor.field("name")}
    try:
        if fields["class"] and (at := moment(visitor, "at")) is not None:
            fields["at"] = at
        code = await visitor.ask("POST", f"/v1/devices/{device_id}/codes", fields)
    except RasError as err:
        return await refused(visitor, err, show)
    return visitor.render("keypad.html", code=code, name=fields["name"], device_id=device_id)


ROUTES: Final = (
    web.post(f"{LOCK}/codes", page(issue)),
    form(
        f"{LOCK}/codes/{{code_id}}/cancel",
        Action(
            method="DELETE",
            api="/v1/devices/{device_id}/codes/{code_id}",
            back=LOCK,
            done="code-cancelled",
            shown=show,
        ),
    ),
)
