"""Links for guests: made for a lock, shown once, as text and as a picture for a camera."""

from typing import Final

from aiohttp import web

from ..errors import RasError
from ..keys import SETTINGS
from .action import refused
from .grants import terms
from .guest import PATH
from .locks import LOCK, show
from .page import Visitor, page


async def make(visitor: Visitor) -> web.Response:
    """Show a new link, this once."""
    device_id, name = visitor.path["device_id"], visitor.field("name")
    try:
        grant = {"subject": {"kind": "link", "name": name}} | terms(visitor)
        given = await visitor.ask("POST", f"/v1/devices/{device_id}/grants", grant)
    except RasError as err:
        return await refused(visitor, err, show)
    import segno  # noqa: PLC0415 - loaded by the first picture

    link = _server(visitor) + PATH.format(token=given["token"])
    picture = segno.make(link, micro=False).svg_data_uri(scale=5, border=4, light="#fff")
    return visitor.render(
        "link.html", link=link, picture=picture, name=name, grant=given, device_id=device_id
    )


def _server(visitor: Visitor) -> str:
    """Return the address of the server as its clients know it."""
    return visitor.app[SETTINGS].url.rstrip("/") or str(visitor.request.url.origin())


ROUTES: Final = (web.post(f"{LOCK}/links", page(make)),)
