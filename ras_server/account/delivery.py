"""How a verification code reaches a person; the only places where a code may appear."""

import asyncio
from collections.abc import Awaitable, Callable
import os
from pathlib import Path
import sys
from typing import Final

from aiohttp import web
import orjson

from ..settings import SettingsError

type Deliver = Callable[[str, str], Awaitable[None]]
"""Takes an account and its code."""

DELIVER: Final[web.AppKey[Deliver]] = web.AppKey("deliver")


def delivery(spec: str) -> Deliver:
    """Return the plug-in a setting names: `console` or `file:<path>`."""
    kind, _, path = spec.partition(":")
    if spec == "console":
        return _to_console
    if kind == "file" and path:
        return _to_file(Path(path))
    raise SettingsError(f"delivery must be console or file:<path>, not {spec!r}")


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
