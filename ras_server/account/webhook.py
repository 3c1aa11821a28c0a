"""Codes to a service of the operator, which sends them on, for example as a text message.

The request has the form of the Standard Webhooks: the headers `webhook-id`, `webhook-timestamp` and
`webhook-signature`, which signs both and the body.
"""

from base64 import b64decode, b64encode
import binascii
from collections.abc import Awaitable, Callable
import hmac
import os
import time
from typing import Final

import aiohttp
import orjson
from yarl import URL

from ..fields import loopback
from ..keys import new_id_from
from ..settings import Settings, SettingsError
from .names import type_of

_PREFIX: Final = "whsec_"
_KEY_SIZE: Final = 24  # bytes, at least
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


def channel(settings: Settings) -> Callable[[str, str], Awaitable[None]]:
    """Return what hands a code to the service, or raise SettingsError."""
    url, key = URL(settings.webhook_url), _key(settings.webhook_secret)
    problems = []
    if url.scheme != "https" and not (url.scheme == "http" and loopback(url.host or "")):
        problems.append("webhook_url must begin with https://")
    if key is None:
        problems.append(f"webhook_secret must be {_PREFIX} and 24 or more bytes in base64")
    if problems or key is None:
        raise SettingsError(*problems)

    async def deliver(account: str, code: str) -> None:
        named = {"type": type_of(account), "value": account}
        body = orjson.dumps({"account": named, "code": code})
        headers = {"Content-Type": "application/json"} | signed(
            key, new_id_from(os.urandom, "msg"), int(time.time()), body
        )
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                accepted = response.status in range(200, 300)
        except aiohttp.ClientError as err:
            raise ConnectionError(type(err).__name__) from None
        if not accepted:
            raise ConnectionError(f"HTTP {response.status}")

    return deliver


def signed(key: bytes, message_id: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body."""
    mac = hmac.digest(key, f"{message_id}.{at}.".encode() + body, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{b64encode(mac).decode()}",
    }


def _key(secret: str) -> bytes | None:
    """Return the key in a secret, or None if it is none."""
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error, ValueError:
        return None
    return key if secret.startswith(_PREFIX) and len(key) >= _KEY_SIZE else None
