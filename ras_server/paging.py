"""Lists in pages, in the order of creation (project profile, 2.2)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import hmac
from typing import Any, Final

from aiohttp import web
import orjson

from .errors import Code, RasError
from .keys import VAULT, now
from .web import answer

DEFAULT_LIMIT: Final = 50
MAXIMUM_LIMIT: Final = 200
_CURSOR_LIFE: Final = 3600  # seconds
_MAC_SIZE: Final = 16  # bytes

type Position = tuple[int, str]
"""Where an item stands in its list: when it was created, and its identifier."""


@dataclass(frozen=True, slots=True)
class Page:
    """What part of a list is asked for: at most `limit` items after a position."""

    limit: int
    after: Position


def page(request: web.Request) -> Page:
    """Return the page a request asks for, or raise 4001 or 4005."""
    cursor = request.query.get("cursor")
    return Page(limit_of(request), (-1, "") if cursor is None else _position(request, cursor))


def limit_of(request: web.Request) -> int:
    """Return how many items a request asks for at most, or raise 4001."""
    return number(request, "limit", range(1, MAXIMUM_LIMIT + 1), default=DEFAULT_LIMIT)


def number(request: web.Request, name: str, allowed: range, *, default: int) -> int:
    """Return a number of the query, or raise 4001; it has no more digits than the highest one."""
    if (text := request.query.get(name)) is None:
        return default
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(allowed[-1]))
    if not plain or int(text) not in allowed:
        span = f"{allowed[0]} to {allowed[-1]}"
        raise RasError(Code.MALFORMED, f"{name} must be {span}", errors=[(f"/{name}", span)])
    return int(text)


def listing[T](
    request: web.Request,
    asked: Page,
    found: Sequence[T],
    position: Callable[[T], Position],
    item: Callable[[T], dict[str, Any]],
) -> web.Response:
    """Answer with a page; `found` holds one more than the limit if the list goes on."""
    items = found[: asked.limit]
    more = len(found) > asked.limit
    return answer(
        request,
        {
            "items": [item(each) for each in items],
            "next": _cursor(request, position(items[-1])) if more else None,
        },
    )


def _cursor(request: web.Request, position: Position) -> str:
    text = orjson.dumps([now(request.app) + _CURSOR_LIFE, *position])
    return urlsafe_b64encode(_mac(request, text) + text).decode()


def _position(request: web.Request, cursor: str) -> Position:
    try:
        data = urlsafe_b64decode(cursor)
    except binascii.Error, ValueError:
        data = b""
    mac, text = data[:_MAC_SIZE], data[_MAC_SIZE:]
    if not hmac.compare_digest(mac, _mac(request, text)):
        raise RasError(Code.UNKNOWN, "The cursor is unknown")
    expires, created, identifier = orjson.loads(text)
    if now(request.app) >= expires:
        raise RasError(Code.UNKNOWN, "The cursor has expired")
    return created, identifier


def _mac(request: web.Request, text: bytes) -> bytes:
    """Bind a cursor to this server, this list and its text."""
    key = request.app[VAULT].derive("cursor")
    return hmac.digest(key, request.path.encode() + b"\0" + text, "sha256")[:_MAC_SIZE]
