"""The client's half of SCRAM-SHA-256, for a visitor who types his password into a page.

The server holds the password for this moment only; it proves it to the API as any other client
does, so that the pause after wrong tries, unknown accounts and the audit are the API's. Its library
takes 12 MiB, so this module is loaded by the first login.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from scramp import ScramClient, ScramException

from ..account.scram import MECHANISM
from ..errors import Code, RasError

_WORKERS: Final = 2
_WAITING: Final = 32
"""Logins that may wait for a worker: each takes some tenths of a second of it."""

type Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Posts fields to a path of the API and returns the data of its answer."""

_workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="ras-password")
_running: set[ScramClient] = set()


async def prove(ask: Ask, account: str, password: str, trust_token: str | None) -> dict[str, Any]:
    """Log in with the first factor; return what sasl/step answers, and the `sasl_id`."""
    if len(_running) >= _WAITING:
        raise RasError(Code.RATE_LIMITED, "Too many logins at once", retry_after=5)
    try:
        client = ScramClient([MECHANISM], account, password)
        first = client.get_client_first()
    except ScramException:
        raise RasError(Code.CREDENTIALS_WRONG, "Not a name or a password of SASL") from None
    fields = {"mechanism": MECHANISM, "initial": _encode(first)}
    if trust_token is not None:
        fields["trust_token"] = trust_token
    started = await ask("/v1/auth/sasl/start", fields)
    client.set_server_first(_decode(started["data"]))
    _running.add(client)
    try:
        loop = asyncio.get_running_loop()
        final = await loop.run_in_executor(_workers, client.get_client_final)
    finally:
        _running.discard(client)
    sasl_id = started["sasl_id"]
    stepped = await ask("/v1/auth/sasl/step", {"sasl_id": sasl_id, "data": _encode(final)})
    return stepped | {"sasl_id": sasl_id}


def _encode(message: str) -> str:
    return b64encode(message.encode()).decode()


def _decode(data: str) -> str:
    return b64decode(data).decode()
