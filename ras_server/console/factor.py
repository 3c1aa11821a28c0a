"""An authenticator app as the second factor; its secret and the recovery codes are shown once."""

from typing import Any, Final

from aiohttp import web

from ..errors import RasError
from .account import show
from .action import Action, form, refused
from .page import Visitor, page

_BACK: Final = "/console/account"
_TOTP: Final = "/v1/users/me/totp"


async def begin(visitor: Visitor) -> web.Response:
    """Show a new secret, as a picture too, and ask for the first code of the app."""
    try:
        data = await visitor.ask("POST", _TOTP)
    except RasError as err:
        return await refused(visitor, err, show)
    return _shown(visitor, data)


async def confirm(visitor: Visitor) -> web.Response:
    """Take the first code of the app."""
    try:
        await visitor.ask("POST", f"{_TOTP}/confirm", {"code": visitor.field("code")})
    except RasError as err:

        async def again(visitor: Visitor) -> web.Response:
            return _shown(
                visitor,
                {
                    "secret": visitor.field("secret"),
                    "uri": visitor.field("uri"),
                    "recovery_codes": visitor.fields("recovery"),
                },
            )

        return await refused(visitor, err, again)
    return visitor.go(_BACK, "app-on")


async def new_codes(visitor: Visitor) -> web.Response:
    """Show new recovery codes."""
    try:
        data = await visitor.ask("POST", f"{_TOTP}/recovery-codes")
    except RasError as err:
        return await refused(visitor, err, show)
    return visitor.render("recovery.html", codes=data["recovery_codes"])


def _shown(visitor: Visitor, data: dict[str, Any]) -> web.Response:
    import segno  # noqa: PLC0415 - loaded by the first picture

    picture = segno.make(data["uri"], micro=False).svg_data_uri(scale=5, border=4, light="#fff")
    return visitor.render("totp.html", picture=picture, **data)


ROUTES: Final = (
    web.post(f"{_BACK}/totp", page(begin)),
    web.post(f"{_BACK}/totp/confirm", page(confirm)),
    web.post(f"{_BACK}/totp/recovery-codes", page(new_codes)),
    form(
        f"{_BACK}/totp/end",
        Action(method="DELETE", api=_TOTP, back=_BACK, done="app-off", shown=show),
    ),
)
