"""The visitor's own account: name, time zone, logins, gateways."""

from typing import Any, Final
from zoneinfo import available_timezones

from aiohttp import web
import orjson

from ..errors import RasError
from .action import Action, form, refused
from .page import LOGIN, Visitor, page

_BACK: Final = "/console/account"


async def show(visitor: Visitor) -> web.Response:
    """Show the account, its logins and its gateways."""
    me = await visitor.ask("GET", "/v1/users/me")
    sessions = await visitor.ask("GET", "/v1/users/me/sessions?limit=200")
    trusted = await visitor.ask("GET", "/v1/users/me/trusted")
    gateways = await visitor.ask("GET", "/v1/gateways?limit=200")
    return visitor.render(
        "account.html",
        me=me,
        sessions=sessions["items"],
        trusted=trusted["items"],
        gateways=gateways["items"],
        zones=sorted(available_timezones()),
    )


async def set_zone(visitor: Visitor) -> web.Response:
    """Keep the time zone of this browser."""
    try:
        visitor.choose_zone(visitor.field("zone"))
    except RasError as err:
        return await refused(visitor, err, show)
    return visitor.go(_BACK, "saved")


async def export(visitor: Visitor) -> web.Response:
    """Give the visitor everything that is stored about him, as a file."""
    try:
        data = await visitor.ask("GET", "/v1/users/me/export")
    except RasError as err:
        return await refused(visitor, err, show)
    return web.Response(
        body=orjson.dumps(data, option=orjson.OPT_INDENT_2),
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="account.json"'},
    )


async def remove(visitor: Visitor) -> web.Response:
    """Delete the account."""
    try:
        await visitor.ask("DELETE", "/v1/users/me")
    except RasError as err:
        return await refused(visitor, err, show)
    visitor.leave()
    return visitor.go(LOGIN, "deleted")


def _profile(visitor: Visitor) -> dict[str, Any]:
    return {"display_name": visitor.field("display_name"), "rev": visitor.number("rev")}


ROUTES: Final = (
    web.get(_BACK, page(show)),
    web.post(f"{_BACK}/zone", page(set_zone)),
    form(
        f"{_BACK}/profile",
        Action(
            method="PATCH",
            api="/v1/users/me",
            fields=_profile,
            back=_BACK,
            done="saved",
            shown=show,
        ),
    ),
    form(
        f"{_BACK}/sessions/{{session_id}}/end",
        Action(
            method="DELETE",
            api="/v1/users/me/sessions/{session_id}",
            back=_BACK,
            done="session-ended",
            shown=show,
        ),
    ),
    form(
        f"{_BACK}/trusted/{{trust_id}}/end",
        Action(
            method="DELETE",
            api="/v1/users/me/trusted/{trust_id}",
            back=_BACK,
            done="trust-ended",
            shown=show,
        ),
    ),
    web.post(f"{_BACK}/export", page(export)),
    web.post(f"{_BACK}/remove", page(remove)),
    form(
        f"{_BACK}/gateways/{{gateway_id}}/manage",
        Action(
            method="PUT",
            api="/v1/gateways/{gateway_id}/manager",
            back=_BACK,
            done="gateway-manages",
            shown=show,
        ),
    ),
    form(
        f"{_BACK}/gateways/{{gateway_id}}/manage-no-more",
        Action(
            method="DELETE",
            api="/v1/gateways/{gateway_id}/manager",
            back=_BACK,
            done="gateway-manages-no-more",
            shown=show,
        ),
    ),
    form(
        f"{_BACK}/gateways/{{gateway_id}}/remove",
        Action(
            method="DELETE",
            api="/v1/gateways/{gateway_id}",
            back=_BACK,
            done="gateway-removed",
            shown=show,
        ),
    ),
)
