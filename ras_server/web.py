"""What a handler reads of a request, and how it answers (clause 7.6; project profile, 2)."""

from collections.abc import Sequence
import re
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDict
import orjson
import probatio

from .errors import Code, RasError
from .keys import BODY, MID, SETTINGS, new_mid, now

BODY_SIZE: Final = 64 * 1024  # bytes
LARGE_BODY_SIZE: Final = 1024 * 1024  # bytes
_DEPTH: Final = 16  # of JSON
MID_PATTERN: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_HSTS: Final = "max-age=31536000"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

CODE: Final = web.ResponseKey("code", Code)
"""The code of a refusal, for the metrics."""

JSON: Final = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every answer."""
_JSON: Final = CIMultiDict(JSON)

LARGE: Final[set[Handler]] = set()
"""The handlers that take a body of up to 1 MiB."""


LONG_LIVED: Final[set[Handler]] = set()
"""The handlers that may take longer than 25 s."""


PAGES: Final[set[Handler]] = set()
"""The handlers that show pages to people: they answer, and refuse, for themselves."""


def pages[H: Handler](handler: H) -> H:
    """Let a handler take forms, and answer errors with pages."""
    PAGES.add(handler)
    return handler


def long_lived[H: Handler](handler: H) -> H:
    """Let a handler take as long as it wants."""
    LONG_LIVED.add(handler)
    return handler


def large_body[H: Handler](handler: H) -> H:
    """Let a handler take a body of up to 1 MiB."""
    LARGE.add(handler)
    return handler


def answer(
    request: web.Request, data: dict[str, Any] | None = None, *, http: int = 200
) -> web.Response:
    """Return a success with its data."""
    return _respond(request, Code.OK, "ok", data or {}, http)


def refusal(request: web.Request, err: RasError) -> web.Response:
    """Return the answer of an error."""
    response = _respond(request, err.code, err.message, err.data, err.http)
    response[CODE] = err.code
    if err.retry_after is not None:
        response.headers["Retry-After"] = str(err.retry_after)
    return response


def _respond(
    request: web.Request, code: Code, message: str, data: dict[str, Any], http: int
) -> web.Response:
    app = request.app
    mid = request.get(MID) or _mid_of_header(request) or new_mid(app)
    return web.Response(
        status=http, body=answer_text(code, message, mid, now(app), data), headers=_JSON
    )


def _mid_of_header(request: web.Request) -> str | None:
    mid = request.headers.get("Mid")
    return mid if mid and MID_PATTERN.fullmatch(mid) else None


def answer_text(code: Code, message: str, mid: str, at: int, data: dict[str, Any]) -> bytes:
    """Return the body of an answer as it is sent."""
    status = 0 if code is Code.OK else 1
    return orjson.dumps(
        {"status": status, "code": code, "msg": message, "mid": mid, "ts": at, "data": data}
    )


def schema(fields: dict[Any, Any]) -> probatio.Schema:
    """Return the schema of a body; fields it does not name are ignored."""
    return probatio.Schema(fields, extra=probatio.REMOVE_EXTRA)


def body(request: web.Request, fields: probatio.Schema) -> dict[str, Any]:
    """Return the validated body, or raise 4001 with a JSON pointer for each wrong field."""
    return validated(request.get(BODY, {}), fields)


def validated(value: Any, fields: probatio.Schema) -> dict[str, Any]:
    """Return a validated object, or raise 4001 with a JSON pointer for each wrong field."""
    try:
        result: dict[str, Any] = fields(value)
    except probatio.MultipleInvalid as err:
        errors = [(pointer(each.path), each.msg) for each in err.errors]
        raise RasError(Code.MALFORMED, "The body is not valid", errors=errors) from None
    return result


def pointer(path: Sequence[Any]) -> str:
    """Return the JSON pointer (RFC 6901) of a path."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def parse(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a text, at most 16 levels deep, or raise 4001."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise RasError(Code.MALFORMED, "The body is not JSON") from None
    if not isinstance(value, dict):
        raise RasError(Code.MALFORMED, "The body is not a JSON object")
    if b"\\" in raw or b"\x7f" in raw or raw.count(b"{") + raw.count(b"[") > _DEPTH:
        _check(value, _DEPTH)  # there can be a control character, or too many levels
    return value


def _check(value: object, levels: int) -> None:
    """Refuse control characters, which the audit cannot hold, and too many levels."""
    if isinstance(value, str):
        if _CONTROL.search(value):
            raise RasError(Code.MALFORMED, "The body contains a control character")
    elif isinstance(value, dict | list):
        if levels == 0:
            raise RasError(Code.MALFORMED, f"The body has more than {_DEPTH} levels")
        if isinstance(value, dict):
            for name in value:
                _check(name, levels)
            value = list(value.values())
        for each in value:
            _check(each, levels - 1)


def sign(app: web.Application, response: web.StreamResponse) -> None:
    """Tell no more of the software than its name; over TLS, ask to stay with it."""
    response.headers["Server"] = "ras"
    if app[SETTINGS].cert:
        response.headers["Strict-Transport-Security"] = _HSTS


def route_name(request: web.Request) -> str:
    """Return the pattern of the route, which holds no identifier."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown route"
