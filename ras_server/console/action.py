"""What a form of the console does: one request to the API, and the page that says how it went."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ..errors import Code, RasError
from .page import Show, Visitor, page

type Fields = Callable[[Visitor], dict[str, Any]]
"""Returns the body of the request to the API for a form."""


def no_fields(_: Visitor) -> dict[str, Any]:
    """Return an empty body."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A form: `api` and `back` are patterns that are filled from the path of the form.

    `back` is the page that follows, with the text `done`; `shown` is shown instead when the API
    refuses, with the reason.
    """

    method: str
    api: str
    fields: Fields = no_fields
    back: str
    done: str
    shown: Show


def form(path: str, action: Action) -> web.RouteDef:
    """Return the route of a form."""

    async def act(visitor: Visitor) -> web.Response:
        try:
            api = action.api.format_map(visitor.path)
            await visitor.ask(action.method, api, action.fields(visitor))
        except RasError as err:
            return await refused(visitor, err, action.shown)
        return visitor.go(action.back.format_map(visitor.path), action.done)

    return web.post(path, page(act))


async def refused(visitor: Visitor, err: RasError, shown: Show) -> web.Response:
    """Show the page of a form again, with the reason why it was refused."""
    if err.code in {Code.TOKEN_INVALID, Code.SECOND_FACTOR_NEEDED}:
        raise err
    visitor.problem = err
    return await shown(visitor)
