"""Round trips and bytes on air of each operation, counted between the real ends.

Home Assistant's Bluetooth, the integration and the reference lock over Bumble's virtual radio,
and a RAS over HTTP. Run: pytest -q benchmarks/roundtrips.py
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
import time
from typing import Final

import pytest

from igrs_codec.bsld.frame import Operation
from tests.integration.home import DEVICE_ID, Home, until

pytest_plugins = ["tests.integration.conftest"]

# Bytes of ATT for each step (20-byte packets; subscribing and reading with their answers).
_ATT: Final = {"subscribe": 5 + 1, "write": 3 + 20, "notify": 3 + 20, "read": 3 + 21}
_PDUS: Final = {"subscribe": 2, "write": 1, "notify": 1, "read": 2}
_AIR: Final = 4 + 10  # bytes around an ATT PDU: L2CAP; preamble, address, header, CRC


def round_trips(steps: list[str]) -> int:
    """Return how often the client had to wait for the lock."""
    asked = [step for step in steps if step != "read"]
    turns = sum(
        before != "notify" and step == "notify"
        for before, step in zip(["", *asked], asked, strict=False)
    )
    return turns + steps.count("read")


async def test_round_trips(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Count what each operation costs."""

    async def cold() -> None:
        await home.call("unlock")

    async def warm() -> None:
        await home.call("lock")

    async def log() -> None:
        await home.coordinator.learner.async_learn()

    async def outside() -> None:
        home.lock.turn_knob(Operation.UNLOCK)
        await home.until_state("unlocked")

    async def epoch_raised() -> None:
        role = home.lock._role
        role._owner.keep(replace(role.ownership, epoch=role.ownership.epoch + 1))
        await home.call("unlock")

    async def clock_unset() -> None:
        home.ras.clock.ahead += 61
        home.lock.power_cycle()
        await home.call("unlock")

    async def remote() -> None:
        body = {"cmd": "lock", "expires": int(home.ras.clock()) + 20, "wait": 20}
        await home.ras.person.post(f"/v1/devices/{DEVICE_ID}/operate", body)

    rows = [
        await _count(home, "cold unlock", cold),
        await _count(home, "warm lock", warm, warm=True),
        await _count(home, "log after an operation", log, warm=True),
        await _count(home, "change at the door", outside),
        await _count(home, "remote lock", remote),
        await _count(home, "unlock, epoch unknown", epoch_raised),
        await _count(home, "unlock, clock unset", clock_unset),
    ]
    with capsys.disabled():
        print()
        print(f"{'':<24}{'connect':>8}{'trips':>7}{'packets':>9}{'ATT B':>7}{'air B':>7}{'ms':>8}")
        print("\n".join(rows))


async def _count(
    home: Home, name: str, operation: Callable[[], Awaitable[None]], *, warm: bool = False
) -> str:
    await until(lambda: not home.coordinator.learner.busy)
    if not warm:
        await home.coordinator.async_rest()
    coordinator, learn = home.coordinator, home.coordinator.learner.async_soon
    coordinator.learner.async_soon = lambda: None  # type: ignore[method-assign] # counted on its own
    home.radio.reset()
    began = time.perf_counter()
    await operation()
    took = (time.perf_counter() - began) * 1000
    traffic = home.radio.traffic
    steps = list(traffic.steps)
    coordinator.learner.async_soon = learn  # type: ignore[method-assign]
    att = sum(_ATT[step] for step in steps)
    air = att + sum(_PDUS[step] for step in steps) * _AIR
    packets = len(traffic.writes) + len(traffic.notifications)
    return (
        f"{name:<24}{traffic.connections:>8}{round_trips(steps):>7}{packets:>9}{att:>7}{air:>7}"
        f"{took:>8.1f}"
    )
