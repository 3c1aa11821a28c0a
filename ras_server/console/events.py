"""The audit as an owner reads it."""

from typing import Final

from aiohttp import web
from yarl import URL

from .page import Visitor, page


async def show(visitor: Visitor) -> web.Response:
    """Show a page of the audit, from the oldest to the newest, and the head of the chain."""
    after = visitor.request.query.get("after", "0")
    data = await visitor.ask("GET", URL("/v1/audit").with_query(after=after))
    head = await visitor.ask("GET", "/v1/audit/head")
    return visitor.render("audit.html", items=data["items"], more=data["next"], head=head)


ROUTES: Final = (web.get("/console/audit", page(show)),)
