"""The page that a guest opens by his link: one lock, and what he may do with it.

The token stands in the address of the page and nowhere else: the log knows patterns only, no other
address is told where a visitor comes from, no cookie is set. Whoever has the token may do what the
page does, so its form needs no other proof.
"""

from typing import ClassVar, Final, override
from zoneinfo import ZoneInfo

from aiohttp import web

from ..errors import Code, RasError
from .locks import done, wish
from .page import Visitor, page_for

PATH: Final = "/g/{token}"


class Guest(Visitor):
    """Who opened a link."""

    home: ClassVar[str] = ""
    referrer: ClassVar[str] = "no-referrer"

    def __init__(self, request: web.Request) -> None:
        """Recognise a guest by the address of the page."""
        super().__init__(request)
        self.grants_zone = ZoneInfo("UTC")

    @property
    @override
    def zone(self) -> ZoneInfo:
        """Return the zone in which the grant was given."""
        return self.grants_zone

    @property
    @override
    def must_repeat(self) -> bool:
        """Return that the page needs no cookie."""
        return False

    @override
    async def read_form(self) -> None:
        """Take the form."""
        await self.take_form()

    @override
    async def authorization(self) -> str:
        """Return the token of the link."""
        return f"Guest {self.path['token']}"

    @override
    def refused(self, err: RasError) -> web.Response:
        """Tell why the link does not work."""
        if err.code is Code.TOKEN_INVALID:
            err = RasError(Code.UNKNOWN, "There is no such link")
        self.problem = err
        return self.render("guest.html", guest=None)

    @override
    def set_cookies(self, response: web.Response) -> None:
        """Set none."""


async def show(guest: Guest) -> web.Response:
    """Show the lock, and what the guest may do with it."""
    return await _shown(guest)


async def _shown(
    guest: Guest, *, command: str = "", needs: str = "", confirmation: str = ""
) -> web.Response:
    """Show the page; if a command needs something besides, with that command only."""
    found = await guest.ask("GET", "/v1/guest")
    if zone := found["valid"].get("tz"):
        guest.grants_zone = ZoneInfo(zone)
    return guest.render(
        "guest.html", guest=found, command=command, needs=needs, confirmation=confirmation
    )


async def operate(guest: Guest) -> web.Response:
    """Lock, unlock or open; ask for what the decision wants to see besides."""
    command, device_id = guest.field("cmd"), guest.field("device_id")
    fields = wish(guest) | {"device_id": device_id}
    try:
        data = await guest.ask("POST", "/v1/guest/operate", fields)
    except RasError as err:
        if err.code in {Code.TOKEN_INVALID, Code.RATE_LIMITED}:
            raise
        guest.problem = err
        if err.code is not Code.CONFIRMATION_NEEDED:
            return await _shown(guest)
        confirmation = err.data.get("confirmation", "")
        return await _shown(
            guest, command=command, needs=err.data["needs"], confirmation=confirmation
        )
    return guest.go(guest.request.path, done(command, data))


ROUTES: Final = (
    web.get(PATH, page_for(Guest, show, open_to_all=True)),
    web.post(PATH, page_for(Guest, operate, open_to_all=True)),
)
