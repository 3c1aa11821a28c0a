"""The door of the server: how a request is read and answered (clause 7.6; project profile, 2)."""

import asyncio
from collections.abc import Sequence
import logging
import re
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler
import orjson
import probatio

from .errors import Code, RasError
from .keys import BODY, CLOCK, DATABASE, MID, new_mid, now
from .logs import REQUEST_ID

_LOGGER = logging.getLogger(__name__)

BODY_SIZE: Final = 64 * 1024  # bytes
LARGE_BODY_SIZE: Final = 1024 * 1024  # bytes
_DEPTH: Final = 16  # of JSON
_TIME_TOLERANCE: Final = 60  # seconds
REQUEST_TIMEOUT: Final = 25  # seconds
MID_PATTERN: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

LARGE: Final[set[Handler]] = set()
"""The handlers that take a body of up to 1 MiB."""


LONG_LIVED: Final[set[Handler]] = set()
"""The handlers that may take longer than 25 s."""


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
    if err.retry_after is not None:
        response.headers["Retry-After"] = str(err.retry_after)
    return response


def _respond(
    request: web.Request, code: Code, message: str, data: dict[str, Any], http: int
) -> web.Response:
    return web.Response(
        status=http,
        content_type="application/json",
        body=orjson.dumps(
            {
                "status": 0 if code is Code.OK else 1,
                "code": code,
                "msg": message,
                "mid": request.get(MID),
                "ts": now(request.app),
                "data": data,
            }
        ),
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


@web.middleware
async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with the body of 2.1, and give each request a line in the log."""
    request_id = new_mid(request.app)
    REQUEST_ID.set(request_id)
    given = request.headers.get("Mid")
    request[MID] = given if given and MID_PATTERN.fullmatch(given) else request_id
    response = await _tell_errors(request, handler)
    if not response.prepared:
        response.headers["Request-Id"] = request_id
    _LOGGER.info("%s %s %s", request.method, route_name(request), response.status)
    return response


async def _tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error, also those of the framework, with the body of 2.1."""
    limit = None if request.match_info.handler in LONG_LIVED else REQUEST_TIMEOUT
    try:
        async with asyncio.timeout(limit):
            return await handler(request)
    except RasError as err:
        return refusal(request, err)
    except web.HTTPException as err:
        response = refusal(request, _of_framework(err))
        if isinstance(err, web.HTTPMethodNotAllowed):
            response.headers["Allow"] = err.headers["Allow"]
        return response
    except TimeoutError:
        return refusal(request, RasError(Code.INTERNAL, "The request took too long"))
    except Exception:
        _LOGGER.exception("Request failed: %s %s", request.method, route_name(request))
        return refusal(request, RasError(Code.INTERNAL, "Internal error"))


def _of_framework(err: web.HTTPException) -> RasError:
    """Return what an error of the framework is here."""
    if isinstance(err, web.HTTPNotFound):
        return RasError(Code.UNKNOWN, "There is no such resource")
    return RasError(Code.MALFORMED, err.reason, http=err.status)


@web.middleware
async def read_body(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Parse the body, and take `mid` and `ts` from it."""
    if request.method in _READING:
        return await handler(request)
    limit = LARGE_BODY_SIZE if request.match_info.handler in LARGE else BODY_SIZE
    if (request.content_length or 0) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, request.content_length or 0)
    try:
        raw = await request.read()
    except web.RequestPayloadError:
        raise RasError(Code.MALFORMED, "The body cannot be read") from None
    if len(raw) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, len(raw))
    fields = parse(raw) if raw else {}
    mid = fields.get("mid") or request.headers.get("Mid")
    if not isinstance(mid, str) or not MID_PATTERN.fullmatch(mid):
        raise RasError(Code.MALFORMED, "mid must be a ULID", errors=[("/mid", "not a ULID")])
    request[MID] = mid
    request[BODY] = fields
    at = fields.get("ts")
    if at is not None:
        if not isinstance(at, int) or isinstance(at, bool):
            raise RasError(Code.MALFORMED, "ts must be an integer", errors=[("/ts", "no integer")])
        if abs(at - request.app[CLOCK]()) > _TIME_TOLERANCE:
            raise RasError(Code.TIME_STAMP, "ts is more than 60 s off")
    return await handler(request)


def parse(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a text, at most 16 levels deep, or raise 4001."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise RasError(Code.MALFORMED, "The body is not JSON") from None
    if not isinstance(value, dict):
        raise RasError(Code.MALFORMED, "The body is not a JSON object")
    _check(value, _DEPTH)
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


@web.middleware
async def settle(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Hold the answer back until what the request wrote is as durable as it has to be."""
    try:
        return await handler(request)
    finally:
        if request.method not in _READING:
            await request.app[DATABASE].settle()


async def plain_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers of every response, and tell nobody which software runs here."""
    response.headers.popall("Server", None)
    response.headers.update(_HEADERS)
    if request.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


def route_name(request: web.Request) -> str:
    """Return the pattern of the route, which holds no identifier."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown route"
