"""How a verification code reaches a person; the only places where a code may appear."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
import os
from pathlib import Path
import sys
from typing import Final

from aiohttp import web
import orjson

from ..errors import Code, RasError
from ..settings import Settings, SettingsError
from . import mail, webhook
from .names import type_of

type Deliver = Callable[[str, str], Awaitable[None]]
"""Takes an account and its code; raises OSError if it cannot be delivered."""

DELIVER: Final[web.AppKey[Deliver]] = web.AppKey("deliver")

_TIMEOUT: Final = 15  # seconds

_LOGGER = logging.getLogger(__name__)


def delivery(settings: Settings) -> Deliver:
    """Return the plug-ins that the settings name, or raise SettingsError.

    `console`, `file:<path>`, `smtp`, `webhook`, or several with commas between them: a code goes to
    the first that reaches its account. Mail does not reach phone numbers.
    """
    names = [each.strip() for each in settings.delivery.split(",")]
    channels = [(name, _channel(name, settings)) for name in names]

    async def deliver(account: str, code: str) -> None:
        for name, send in channels:
            if name == "smtp" and type_of(account) == "phone":
                continue
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await send(account, code)
            except OSError as err:
                _LOGGER.warning("No code could be delivered by %s: %s", name, type(err).__name__)
                raise RasError(Code.NOT_READY, "The code could not be delivered") from None
            return
        raise RasError(Code.NOT_SUPPORTED, "This server sends no codes to phones")

    return deliver


def _channel(name: str, settings: Settings) -> Deliver:
    kind, _, argument = name.partition(":")
    match kind:
        case "console" if not argument:
            return _to_console
        case "file" if argument:
            return _to_file(Path(argument))
        case "smtp" if not argument:
            return mail.channel(settings)
        case "webhook" if not argument:
            return webhook.channel(settings)
    raise SettingsError(f"delivery must be console, file:<path>, smtp or webhook, not {name!r}")


async def _to_console(account: str, code: str) -> None:
    """Print one line to standard output."""

    def write() -> None:
        sys.stdout.write(f"CODE {account} {code}\n")
        sys.stdout.flush()

    await asyncio.to_thread(write)


def _to_file(path: Path) -> Deliver:
    """Append JSON lines to a file that only the server's user reads."""

    def write(line: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    async def deliver(account: str, code: str) -> None:
        line = orjson.dumps({"account": account, "code": code}, option=orjson.OPT_APPEND_NEWLINE)
        await asyncio.to_thread(write, line)

    return deliver
