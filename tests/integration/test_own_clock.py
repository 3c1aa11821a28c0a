"""Home Assistant's own clock, when somebody sets it back."""

from dataclasses import replace
import time
from types import SimpleNamespace

import pytest

from tests.integration.home import Home, until

INTERVAL = 301  # seconds after which something may be asked again


async def test_set_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done at a time that is yet to come is done again when it is due."""
    now, monotonic = time.time, time.monotonic
    clock = SimpleNamespace(time=lambda: now() + 86400, monotonic=monotonic)
    for module in ("coordinator", "learner"):
        monkeypatch.setattr(f"custom_components.igrs.{module}.time", clock)
    home.coordinator.async_renew_soon()
    await home.coordinator.learner.async_learn()
    await until(lambda: not home.coordinator._work._tasks)
    tickets = home.coordinator.memory.tickets
    old = tickets[1] = replace(tickets[1], issued=tickets[1].issued - 6 * 3600 - 1)

    clock.time, clock.monotonic = now, lambda: monotonic() + INTERVAL

    assert home.coordinator.learner.may_ask
    home.coordinator.async_tick()
    await until(lambda: tickets[1].issued > old.issued)
