"""The client's half of SCRAM-SHA-256, for a visitor who types a password into a page.

The server holds the password for this moment only; it proves it to the API as any other client
does, so that the pause after wrong tries, unknown accounts and the audit are the API's.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from aiohttp import web

from ..account.scram import MECHANISM
from ..errors import Code, RasError

SHORTEST: Final = 12
"""Characters of a new password."""

_WORKERS: Final = 2
_AT_ONCE: Final = 32
"""Passwords that may wait for a worker: each takes some tenths of a second of it."""

type Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Posts fields to a path of the API and returns the data of its answer."""


class Prover:
    """Proves passwords, a few at a time and outside of the event loop."""

    def __init__(self) -> None:
        """Begin without work."""
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="ras-password")
        self._at_work = 0

    def close(self) -> None:
        """End the workers."""
        self._workers.shutdown(cancel_futures=True)

    async def prove(
        self, ask: Ask, account: str, password: str, trust_token: str | None
    ) -> dict[str, Any]:
        """Log in with the first factor; return what sasl/step answers, and the `sasl_id`."""
        from scramp import ScramClient, ScramException  # noqa: PLC0415 - 12 MiB, as in sasl.py

        try:
            client = ScramClient([MECHANISM], account, password)
            first = client.get_client_first()
        except ScramException:
            raise RasError(Code.CREDENTIALS_WRONG, "No name or password of SASL") from None
        fields = {"mechanism": MECHANISM, "initial": _encode(first)}
        if trust_token is not None:
            fields["trust_token"] = trust_token
        started = await ask("/v1/auth/sasl/start", fields)
        client.set_server_first(_decode(started["data"]))
        final = await self._work(client.get_client_final)
        fields = {"sasl_id": started["sasl_id"], "data": _encode(final)}
        return await ask("/v1/auth/sasl/step", fields) | {"sasl_id": started["sasl_id"]}

    async def verifier(self, password: str) -> dict[str, Any]:
        """Return the field `scram` for a new password."""
        from ..account.sasl import ScramException, verifier_of  # noqa: PLC0415 - as above

        if len(password) < SHORTEST:
            raise _unfit(f"has less than {SHORTEST} characters")
        try:
            return await self._work(partial(verifier_of, password))
        except ScramException:
            raise _unfit("has characters that cannot be typed everywhere") from None

    async def _work[T](self, work: Callable[[], T]) -> T:
        if self._at_work >= _AT_ONCE:
            raise RasError(Code.RATE_LIMITED, "Too many passwords at once", retry_after=5)
        self._at_work += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._workers, work)
        finally:
            self._at_work -= 1


def _unfit(what: str) -> RasError:
    return RasError(Code.MALFORMED, "The password is unfit", errors=[("/password", what)])


PROVER: Final = web.AppKey("prover", Prover)


def _encode(message: str) -> str:
    return b64encode(message.encode()).decode()


def _decode(data: str) -> str:
    return b64decode(data).decode()
