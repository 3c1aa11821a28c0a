"""A request to the API from inside the server, in the name of a visitor of the console.

It takes every step of a request from outside: token, access, rate, validation, idempotency, the
handler with its decision and its audit, durability. The console has no other way to anything.
"""

from typing import Any, Final

from aiohttp import web
import orjson
from yarl import URL

from ..errors import Code, RasError
from ..keys import new_mid
from ..logs import REQUEST_ID
from ..rate import caller

_HANDED_ON: Final = ("User-Agent",)
_NOT_TOLD: Final = frozenset({"errors", "retry_after"})


async def ask(
    request: web.Request,
    method: str,
    path: str | URL,
    fields: dict[str, Any] | None = None,
    *,
    authorization: str = "",
) -> dict[str, Any]:
    """Return the data of the API's answer, or raise its refusal; fields without `mid` get one."""
    headers = {name: value for name in _HANDED_ON if (value := request.headers.get(name))}
    if authorization:
        headers["Authorization"] = authorization
    inner = request.clone(method=method, rel_url=path, headers=headers, remote=caller(request))
    body = b"" if method == "GET" else orjson.dumps({"mid": new_mid(request.app)} | (fields or {}))
    inner._read_bytes = body  # noqa: SLF001 - as if it had come through the socket
    request_id = REQUEST_ID.get()
    try:
        response = await request.app._handle(inner)  # noqa: SLF001 - what a socket calls, too
    finally:
        REQUEST_ID.set(request_id)
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        raise TypeError(f"{path} does not answer with a body")
    answer = orjson.loads(response.body)
    if answer["status"]:
        raise _refusal(response, answer)
    data: dict[str, Any] = answer["data"]
    return data


def _refusal(response: web.Response, answer: dict[str, Any]) -> RasError:
    """Return the error that the API answered with."""
    data = answer["data"]
    return RasError(
        Code(answer["code"]),
        answer["msg"],
        errors=[(each["pointer"], each["message"]) for each in data.get("errors", ())],
        retry_after=data.get("retry_after"),
        data={name: value for name, value in data.items() if name not in _NOT_TOLD},
        http=response.status,
    )
