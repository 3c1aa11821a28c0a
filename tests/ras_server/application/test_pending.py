"""Frames that a gateway fetches to carry them later."""

import asyncio
import os
import threading

import pytest

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant
from tests.ras_server.client import Client


async def test_on_the_disk_before_it_leaves(
    owner: Client, home: Gateway, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame leaves when it is on the disk, though it is asked for by GET."""
    busy, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

    def slow(_: int) -> None:
        loop.call_soon_threadsafe(busy.set)
        assert go_on.wait(timeout=10)

    await grant(owner, door, "ben@example.org")
    monkeypatch.setattr(os, "fdatasync", slow)
    asked = asyncio.create_task(home.client.get(f"/v1/devices/{door.device_id}/pending"))
    async with asyncio.timeout(5):
        await busy.wait()
    early, _ = await asyncio.wait({asked}, timeout=0.1)
    go_on.set()

    assert not early
    assert (await asked).data["packets"]
