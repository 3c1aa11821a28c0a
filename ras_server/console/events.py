"""The audit as an owner reads it, and the witnesses of an operation."""

from typing import Final

from aiohttp import web
from yarl import URL

from .page import Visitor, page

_NEWEST: Final = str(2**53 - 1)


async def show(visitor: Visitor) -> web.Response:
    """Show a page of the audit, the newest entry first, and the head of the chain."""
    before = visitor.request.query.get("before", _NEWEST)
    data = await visitor.ask("GET", URL("/v1/audit").with_query(before=before))
    return visitor.render(
        "audit.html",
        items=data["items"],
        more=data["next"],
        head=await visitor.ask("GET", "/v1/audit/head"),
        called=await _names(visitor),
    )


async def show_operation(visitor: Visitor) -> web.Response:
    """Show what server, gateway and lock tell of one operation."""
    path = "/v1/operations/{operation_id}/witnesses".format_map(visitor.path)
    told = await visitor.ask("GET", path)
    return visitor.render("operation.html", told=told, called=await _names(visitor))


async def _names(visitor: Visitor) -> dict[str, str]:
    """Return what the visitor calls the addresses that stand in the audit."""
    locks = await visitor.ask("GET", "/v1/devices?limit=200")
    gateways = await visitor.ask("GET", "/v1/gateways?limit=200")
    return {
        f"user:{visitor.user_id}": "you",
        **{f"dev:{lock['device_id']}": lock["name"] for lock in locks["items"]},
        **{f"gw:{gateway['gateway_id']}": gateway["name"] for gateway in gateways["items"]},
    }


ROUTES: Final = (
    web.get("/console/audit", page(show)),
    web.get("/console/operations/{operation_id}", page(show_operation)),
)
