"""What somebody else wants and needs the visitor's yes for."""

from typing import Final

from aiohttp import web

from ..errors import RasError
from .action import refused
from .locks import show_all
from .page import HOME, Visitor, page


async def reply(visitor: Visitor) -> web.Response:
    """Say yes or no."""
    said = visitor.field("answer")
    path = f"/v1/confirmations/{visitor.path['confirmation_id']}"
    try:
        await visitor.ask("POST", path, {"answer": said})
    except RasError as err:
        return await refused(visitor, err, show_all)
    return visitor.go(HOME, "agreed" if said == "yes" else "disagreed")


ROUTES: Final = (web.post("/console/confirmations/{confirmation_id}", page(reply)),)
