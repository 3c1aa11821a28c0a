"""Running a home or a lock as a program, until SIGINT or SIGTERM.

A line of JSON on the standard output tells that it is ready: {"ready": true, "port": number or
null, "locks": [{"device_id", "name"}, ...]}. Every error is a BsldError.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
import json
from pathlib import Path
import signal
import sys

from .errors import HomeError
from .home import Home, serve_home, serve_lock
from .labels import read_labels


async def run_home(folder: Path, *, locks: int, port: int, slots: int, hop_delay: float) -> None:
    """Run a home; see serve_home for the arguments."""
    await _run(serve_home(folder, locks=locks, port=port, slots=slots, hop_delay=hop_delay))


async def run_lock(folder: Path, transport: str) -> None:
    """Run one lock at a controller; see serve_lock."""
    await _run(serve_lock(folder, transport))


async def _run(home: AbstractAsyncContextManager[Home]) -> None:
    over = asyncio.Event()
    told = False

    def tell() -> None:
        nonlocal told
        told = True
        over.set()

    for number in signal.SIGINT, signal.SIGTERM:
        asyncio.get_running_loop().add_signal_handler(number, tell)
    async with home as running:
        _show_labels(running)
        locks = [{"device_id": door.device_id, "name": door.name} for door in running.doors]
        sys.stdout.write(json.dumps({"ready": True, "port": running.port, "locks": locks}) + "\n")
        sys.stdout.flush()
        running.on_end(over.set)
        await over.wait()
    if not told:
        raise HomeError("the Bluetooth controller is gone; plug it in, and start again")


def _show_labels(home: Home) -> None:
    """Show a person the labels; they are no matter for a log."""
    if not sys.stderr.isatty():
        return
    shown = {door.device_id for door in home.doors}
    for label in read_labels(home.folder):
        if label.device_id in shown:
            code = " ".join(label.setup_code[at : at + 4] for at in range(0, 32, 4))
            sys.stderr.write(
                f"{label.name}: {label.device_id}\n  setup code {code}\n  QR code    {label.qr}\n"
            )
