"""The door of the server: every request passes it, in and out (project profile, 2).

In this order: who asks, may he, how often; what he sent; was it sent before. Then the handler. The
answer leaves when what it tells is as durable as it has to be. All in one place, and wrapped around
each handler instead of being a middleware of the framework: this is the way of every ticket.

Between the steps a request waits for its turn: all that have arrived together do each step one
after the other. The code of the step then stays in the processor's cache, which makes a busy server
a fifth faster; a request that is alone waits some microseconds.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from itertools import count
import logging
import secrets
from types import coroutine
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from .account.access import authenticate
from .concurrency import ANONYMOUS, CONCURRENCY, NAMED
from .errors import Code, RasError
from .idempotency import ONCE, answer_once
from .keys import BODY, CLOCK, DATABASE, MID, RAW, SETTINGS
from .logs import REQUEST_ID
from .principal import ACCESS, Access, Principal
from .rate import limit
from .watch import WATCH
from .web import (
    BODY_SIZE,
    LARGE,
    LARGE_BODY_SIZE,
    LONG_LIVED,
    MID_PATTERN,
    PAGES,
    pages,
    parse,
    refusal,
    route_name,
    sign,
)

REQUEST_TIMEOUT: Final = 25  # seconds
_TIME_TOLERANCE: Final = 60  # seconds
_NOBODY: Final = Access(kinds=frozenset(), fresh=False)
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_LOGGER = logging.getLogger(__name__)

_numbers = count(1)
_process = secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What was said about a handler where it is defined."""

    access: Access
    size: int
    """Bytes that a body may have."""
    secret: bool | None
    """Whether the answer that is stored contains secrets; None if none is stored."""
    page: bool
    timed: bool


def behind(handler: Handler) -> Handler:
    """Return a handler as it is reached: through the door."""
    page = handler in PAGES
    rules = _Rules(
        access=_NOBODY if page else ACCESS[handler],
        size=LARGE_BODY_SIZE if handler in LARGE else BODY_SIZE,
        secret=ONCE.get(handler),
        page=page,
        timed=handler not in LONG_LIVED,
    )
    return partial(_door, handler, rules)


@coroutine
def _turn() -> Generator[None]:
    """Let the others do the same step."""
    yield


async def _door(handler: Handler, rules: _Rules, request: web.Request) -> web.StreamResponse:
    """Answer every error with the body of 2.1, and give each request a line in the log."""
    number = next(_numbers)
    request_id = f"{_process}-{number:x}"
    REQUEST_ID.set(request_id)
    try:
        if not rules.timed:
            response = await _steps(handler, rules, request)
        else:
            watch = request.app[WATCH]
            watch.begin(number)
            try:
                response = await _steps(handler, rules, request)
            finally:
                if watch.end(number):
                    raise TimeoutError
    except RasError as err:
        response = refusal(request, err)
    except web.HTTPException as err:
        response = refusal(request, _of_framework(err))
        if isinstance(err, web.HTTPMethodNotAllowed):
            response.headers["Allow"] = err.headers["Allow"]
    except TimeoutError:
        response = refusal(request, RasError(Code.INTERNAL, "The request took too long"))
    except Exception:
        _LOGGER.exception("Request failed: %s %s", request.method, route_name(request))
        response = refusal(request, RasError(Code.INTERNAL, "Internal error"))
    if not response.prepared:
        response.headers["Request-Id"] = request_id
        sign(request.app, response)
    if _LOGGER.isEnabledFor(logging.INFO):
        _LOGGER.info("%s %s %s", request.method, route_name(request), response.status)
    return response


async def _steps(handler: Handler, rules: _Rules, request: web.Request) -> web.StreamResponse:
    """Take a request from step to step."""
    if rules.page:
        return await handler(request)
    await _turn()
    app, caller = request.app, ""
    principal = authenticate(request, rules.access)
    if app[SETTINGS].limits:
        caller = _begin(request, principal)
    try:
        if request.method in _READING:
            response = await handler(request)
            await _turn()
            return response
        await _read(request, rules.size)
        await _turn()
        try:
            if rules.secret is None:
                return await handler(request)
            return await answer_once(request, handler, secret=rules.secret)
        finally:
            if (database := app[DATABASE]).unsettled:
                await database.settle()
    finally:
        if caller:
            app[CONCURRENCY].end(caller)


def _begin(request: web.Request, principal: Principal | None) -> str:
    """Return the caller of a request that is counted, how often and how many at once."""
    caller = limit(request, principal)
    request.app[CONCURRENCY].begin(caller, NAMED if principal else ANONYMOUS)
    return caller


async def _read(request: web.Request, size: int) -> None:
    """Parse the body, and take `mid` and `ts` from it."""
    content = request.content
    if content.is_eof() and not content.at_eof():
        raw = content.read_nowait()  # has arrived as a whole
    else:
        if (length := request.content_length or 0) > size:
            raise web.HTTPRequestEntityTooLarge(size, length)
        try:
            raw = await request.read()
        except web.RequestPayloadError:
            raise RasError(Code.MALFORMED, "The body cannot be read") from None
    if len(raw) > size:
        raise web.HTTPRequestEntityTooLarge(size, len(raw))
    fields = parse(raw) if raw else {}
    mid = fields.get("mid") or request.headers.get("Mid")
    if not isinstance(mid, str) or not MID_PATTERN.fullmatch(mid):
        raise RasError(Code.MALFORMED, "mid must be a ULID", errors=[("/mid", "not a ULID")])
    request[MID] = mid
    request[BODY] = fields
    request[RAW] = raw
    if (at := fields.get("ts")) is not None:
        _check_time(at, request.app[CLOCK]())


def _check_time(at: object, now: float) -> None:
    if not isinstance(at, int) or isinstance(at, bool):
        raise RasError(Code.MALFORMED, "ts must be an integer", errors=[("/ts", "no integer")])
    if abs(at - now) > _TIME_TOLERANCE:
        raise RasError(Code.TIME_STAMP, "ts is more than 60 s off")


def _of_framework(err: web.HTTPException) -> RasError:
    """Return what an error of the framework is here."""
    if isinstance(err, web.HTTPNotFound):
        return RasError(Code.UNKNOWN, "There is no such resource")
    return RasError(Code.MALFORMED, err.reason, http=err.status)


@pages
async def unknown(request: web.Request) -> web.StreamResponse:
    """Refuse a path that no route has, or a method that its routes have not."""
    here, allowed = request.match_info.route.resource, set[str]()
    for resource in request.app.router.resources():
        if resource is not here:
            allowed |= (await resource.resolve(request))[1]
    if allowed:
        raise web.HTTPMethodNotAllowed(request.method, allowed)
    raise web.HTTPNotFound
