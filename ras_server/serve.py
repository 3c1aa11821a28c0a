"""The running server: its sockets, its announcement, its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
import fcntl
from ipaddress import ip_address
import os
import signal
import socket
import sys
from typing import Final

from aiohttp import web
import orjson
from yarl import URL

from .announce import announced
from .app import create_app
from .keys import DATABASE, SERVER_ID
from .runner import Runner
from .settings import Settings, SettingsError
from .tls import server_context

_GRACE: Final = 1.0  # seconds that open requests have when the server stops
HEAD_TIME: Final = 30
"""Seconds in which the next request has to have come with all its headers, else the connection is
closed: after it was opened, and after each answer."""


@asynccontextmanager
async def owned(settings: Settings) -> AsyncIterator[None]:
    """Own the folder inside the context: no other process may serve it."""
    if not settings.master_key.exists():
        raise SettingsError(
            f"{settings.master_key} is missing: run `ras init --folder {settings.folder}`"
        )
    folder = os.open(settings.folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"{settings.folder} is in use by another `ras` process") from None
        yield
    finally:
        os.close(folder)


@asynccontextmanager
async def administrable(settings: Settings) -> AsyncIterator[web.AppRunner]:
    """Run the server inside the context, on its administration socket (0600) only."""
    runner = Runner(
        create_app(settings),
        access_log=None,
        shutdown_timeout=_GRACE,
        keepalive_timeout=HEAD_TIME,
        handle_signals=False,
    )
    async with owned(settings):
        await runner.setup()
        try:
            settings.socket.unlink(missing_ok=True)
            before = os.umask(0o177)
            try:
                await web.UnixSite(runner, settings.socket).start()
            finally:
                os.umask(before)
            yield runner
        finally:
            await runner.cleanup()
            settings.socket.unlink(missing_ok=True)


async def serve(settings: Settings) -> int:
    """Serve until a signal comes, or the database fails; return the exit code."""
    tls = server_context(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with administrable(settings) as runner:
        database = runner.app[DATABASE]
        database.on_failure(stop.set)
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls)
        try:
            await site.start()
        except OSError as err:
            raise SettingsError(
                f"{settings.host}:{settings.port} cannot be used: {err.strerror}"
            ) from None
        _say_ready(runner, "http" if tls is None else "https")
        _tell_manager("READY=1")
        if ip_address(settings.host).is_loopback or not settings.announce:
            await stop.wait()
        else:
            async with announced(settings, runner.app[SERVER_ID]):
                await stop.wait()
        _tell_manager("STOPPING=1")
        return 0 if database.failure is None else 1


def _say_ready(runner: web.AppRunner, scheme: str) -> None:
    """Print one line that says where the server listens."""
    host, port = next(each[:2] for each in runner.addresses if isinstance(each, tuple))
    url = str(URL.build(scheme=scheme, host=host, port=port))
    sys.stdout.write(orjson.dumps({"ready": True, "url": url}).decode() + "\n")
    sys.stdout.flush()


def _tell_manager(state: str) -> None:
    """Tell the service manager that started this process, if one did (as sd_notify does)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect("\0" + address[1:] if address.startswith("@") else address)
        manager.send(state.encode())
