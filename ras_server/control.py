"""The administrator's way to the server: its unix socket."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import os
import time
from typing import Any

import aiohttp

from .commands import CommandError, RefusedError
from .keys import new_mid_from
from .serve import administrable
from .settings import Settings


async def request(
    settings: Settings, method: str, path: str, fields: dict[str, Any]
) -> dict[str, Any]:
    """Make one request, and return its data, or raise CommandError."""
    fields = {"mid": new_mid_from(os.urandom, time.time())} | fields
    async with _session(settings) as session:
        json = None if method == "GET" else fields
        async with session.request(method, f"http://localhost{path}", json=json) as response:
            answer = await response.json()
    if answer["status"]:
        errors = answer["data"].get("errors", [])
        details = "".join(f"; {each['pointer']}: {each['message']}" for each in errors)
        raise RefusedError(f"{answer['msg']} ({answer['code']}){details}", errors)
    data: dict[str, Any] = answer["data"]
    return data


async def download(settings: Settings, path: str, write: Callable[[bytes], object]) -> None:
    """Make one request, and write its data piece by piece."""
    async with _session(settings) as session, session.get(f"http://localhost{path}") as response:
        if response.status != 200:  # noqa: PLR2004 - ok
            answer = await response.json()
            raise CommandError(f"{answer['msg']} ({answer['code']})")
        async for piece in response.content.iter_any():
            write(piece)


async def readiness(settings: Settings) -> str:
    """Return the message of a running server that can do its work; else raise CommandError."""
    try:
        async with (
            _connected(settings) as session,
            session.get("http://localhost/readyz") as response,
        ):
            answer = await response.json()
    except aiohttp.ClientError:
        raise CommandError(f"no server runs in {settings.folder}") from None
    if answer["status"]:
        raise CommandError(f"{answer['msg']} ({answer['code']})")
    return str(answer["msg"])


@asynccontextmanager
async def _session(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """Connect to the running server, or to one that runs only inside the context."""
    try:
        async with _connected(settings) as session:
            yield session
            return
    except aiohttp.ClientConnectorError:
        pass
    async with administrable(settings), _connected(settings) as session:
        yield session


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.UnixConnector(path=str(settings.socket))
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get("http://localhost/healthz"):
            pass
        yield session
