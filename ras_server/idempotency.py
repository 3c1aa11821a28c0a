"""A change is made once, however often its request arrives (project profile, 2.2)."""

from collections.abc import Callable
import hashlib
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from .errors import Code, RasError
from .keys import DATABASE, MID, PRINCIPAL, RAW, VAULT, now
from .store import answers
from .vault import Vault
from .web import JSON, refusal

KEPT: Final = 24 * 3600  # seconds
SECRET_KEPT: Final = 600  # seconds

ONCE: Final[dict[Handler, bool]] = {}
"""The handlers whose first answer is stored, and whether it contains secrets."""

RUNNING: Final[web.AppKey[set[tuple[str, str]]]] = web.AppKey("running")

_TRANSIENT: Final = frozenset({Code.TOO_MANY_TRIES, Code.RUNNING})


def once[H: Handler](*, secret: bool = False) -> Callable[[H], H]:
    """Store the first answer of each mid for this handler; encrypted and shortly if `secret`."""

    def register(handler: H) -> H:
        ONCE[handler] = secret
        return handler

    return register


async def answer_once(request: web.Request, handler: Handler, *, secret: bool) -> web.Response:
    """Give the stored answer to a repeated request, and store the answer of a new one."""
    principal = request.get(PRINCIPAL)
    key = (principal.address if principal else "anonymous", request[MID])
    what = _fingerprint(request, request[RAW])
    if (stored := answers.get(request.app[DATABASE], *key)) is not None:
        return _replayed(request, stored, what)
    running = request.app[RUNNING]
    if key in running:
        raise RasError(Code.RUNNING, "A request with this mid is still running", retry_after=1)
    running.add(key)
    try:
        response = await _answered(request, handler)
        if isinstance(response.body, bytes):
            body = response.body
            if secret:
                body = request.app[VAULT].seal(body, table="answer", row=_row(key), column="body")
            answers.add(
                request.app[DATABASE],
                answers.Answer(
                    caller=key[0],
                    mid=key[1],
                    request=what,
                    http=response.status,
                    body=body,
                    secret=secret,
                    created=now(request.app),
                ),
            )
    finally:
        running.discard(key)
    return response


async def _answered(request: web.Request, handler: Handler) -> web.Response:
    """Return the answer to keep; what may be different a moment later is raised instead."""
    try:
        response = await handler(request)
    except RasError as err:
        if err.code in _TRANSIENT or err.code >= Code.INTERNAL:
            raise
        return refusal(request, err)
    if not isinstance(response, web.Response):
        raise TypeError("Only a plain response can be stored")
    return response


def _replayed(request: web.Request, stored: answers.Answer, what: bytes) -> web.Response:
    if stored.request != what:
        raise RasError(Code.MID_REUSED, "This mid was used for another request")
    body = stored.body
    if stored.secret and now(request.app) - stored.created > SECRET_KEPT:
        body = None
    if body is None:
        raise RasError(Code.MID_REUSED, "The answer to this mid is no longer kept")
    if stored.secret:
        body = _open(request.app[VAULT], stored, body)
    return web.Response(status=stored.http, body=body, headers=JSON | {"Replayed": "1"})


def _open(vault: Vault, stored: answers.Answer, body: bytes) -> bytes:
    row = _row((stored.caller, stored.mid))
    return vault.open(body, table="answer", row=row, column="body")


def _row(key: tuple[str, str]) -> str:
    return " ".join(key)


def _fingerprint(request: web.Request, raw: bytes) -> bytes:
    return hashlib.sha256(f"{request.method} {request.path_qs}\0".encode() + raw).digest()
