"""The door of the server: every request passes it, in and out (project profile, 2).

In this order: who asks, may he, how often; what he sent; was it sent before. Then the handler. The
answer leaves when what it tells is as durable as it has to be. One middleware instead of one for
each step: this is the way of every ticket.
"""

import asyncio
from itertools import count
import logging
import secrets
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from .account.access import authenticate
from .errors import Code, RasError
from .idempotency import ONCE, answer_once
from .keys import BODY, CLOCK, DATABASE, MID, SETTINGS
from .logs import REQUEST_ID
from .rate import limit
from .web import (
    BODY_SIZE,
    LARGE,
    LARGE_BODY_SIZE,
    LONG_LIVED,
    MID_PATTERN,
    PAGES,
    parse,
    refusal,
    route_name,
)

REQUEST_TIMEOUT: Final = 25  # seconds
_TIME_TOLERANCE: Final = 60  # seconds
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HSTS: Final = "max-age=31536000"

_LOGGER = logging.getLogger(__name__)

_numbers = count(1)
_process = secrets.token_hex(4)


@web.middleware
async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with the body of 2.1, and give each request a line in the log."""
    request_id = f"{_process}-{next(_numbers):x}"
    REQUEST_ID.set(request_id)
    response = await _in_time(request, handler)
    if not response.prepared:
        response.headers["Request-Id"] = request_id
    if _LOGGER.isEnabledFor(logging.INFO):
        _LOGGER.info("%s %s %s", request.method, route_name(request), response.status)
    return response


async def _in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error, also those of the framework, with the body of 2.1."""
    try:
        if request.match_info.handler in LONG_LIVED:
            return await _pass(request, handler)
        async with asyncio.timeout(REQUEST_TIMEOUT):
            return await _pass(request, handler)
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


async def _pass(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through, step by step."""
    if (problem := request.match_info.http_exception) is not None:
        raise problem
    if request.match_info.handler in PAGES:
        return await handler(request)
    mid = request.headers.get("Mid")
    if mid and MID_PATTERN.fullmatch(mid):
        request[MID] = mid
    principal = authenticate(request)
    if request.app[SETTINGS].limits:
        limit(request, principal)
    if request.method in _READING:
        return await handler(request)
    await _read_body(request)
    try:
        secret = ONCE.get(request.match_info.handler)
        if secret is None:
            return await handler(request)
        return await answer_once(request, handler, secret=secret)
    finally:
        await request.app[DATABASE].settle()


async def _read_body(request: web.Request) -> None:
    """Parse the body, and take `mid` and `ts` from it."""
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
    mid = fields.get("mid") or request.get(MID)
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


def _of_framework(err: web.HTTPException) -> RasError:
    """Return what an error of the framework is here."""
    if isinstance(err, web.HTTPNotFound):
        return RasError(Code.UNKNOWN, "There is no such resource")
    return RasError(Code.MALFORMED, err.reason, http=err.status)


async def tell_nothing(request: web.Request, response: web.StreamResponse) -> None:
    """Take away the header that says which software runs here; over TLS, ask to stay with it."""
    response.headers.popall("Server", None)
    if request.app[SETTINGS].cert:
        response.headers["Strict-Transport-Security"] = _HSTS
