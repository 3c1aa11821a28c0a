"""What an advertisement costs: in the tracker alone, and through Home Assistant to the entities.

Run: pytest -q benchmarks/advert.py
"""

import asyncio
from collections.abc import Callable
import os
import time
from typing import Final

import pytest

from igrs_codec.bsld.advert import encode
from igrs_codec.bsld.frame import Bolt, Door, LockState
from igrs_codec.bsld.tracker import Tracker
from tests.integration.crowd import crowd
from tests.integration.home import ADDRESS, DEVICE, Home

pytest_plugins = ["tests.integration.conftest"]

K_ADV: Final = bytes(range(16))
COUNT: Final = 2000
CROWD: Final = 10_000
BOLTS: Final = (Bolt.LOCKED, Bolt.UNLOCKED)


def adverts(k_adv: bytes, first: int, count: int) -> list[bytes]:
    """Return adverts of a lock that changes with each."""
    return [
        encode(
            k_adv,
            DEVICE,
            1,
            state=LockState(bolt=BOLTS[number % 2], door=Door.CLOSED),
            battery=90,
            counter=(first + number) & 0xFFFF,
            time=int(time.time()),
        )
        for number in range(count)
    ]


def microseconds(handle: Callable[[bytes], object], data: list[bytes]) -> float:
    """Return the time for one."""
    began = time.process_time()
    for advert in data:
        handle(advert)
    return (time.process_time() - began) / len(data) * 1e6


async def test_adverts(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Count the processor time of one advert of each sort."""
    asyncio.get_running_loop().set_debug(False)
    tracker = Tracker(DEVICE, {1: K_ADV})
    quiet = Tracker(DEVICE, {1: K_ADV})
    now = time.time()
    changed = adverts(K_ADV, 1, COUNT)
    noise = [b"\x11" + os.urandom(9) for _ in range(60)]
    foreign = [os.urandom(10) for _ in range(COUNT)]

    def judge(data: bytes) -> None:
        tracker.observe(data, now, clock_confirmed=True)

    rows = {
        "tracker, changed": microseconds(judge, changed),
        "tracker, same again": microseconds(judge, [changed[-1]] * COUNT),
        "tracker, forged": microseconds(
            lambda data: quiet.observe(data, now, clock_confirmed=True), noise
        ),
        "tracker, of another maker": microseconds(judge, [b"\x2f" + data[1:] for data in foreign]),
    }
    began = time.time()
    mixed = list(crowd(K_ADV, DEVICE, counter=1, began=began, count=CROWD))
    surrounded = Tracker(DEVICE, {1: K_ADV})
    began_cpu = time.process_time()
    for advert in mixed:
        surrounded.observe(advert.data, advert.at, clock_confirmed=True)
    spent = time.process_time() - began_cpu
    rows[f"tracker, {CROWD} mixed: see tests/integration/crowd.py"] = spent / CROWD * 1e6
    home.radio.silence()
    k_adv = home.coordinator.memory.k_adv[1]
    real = adverts(k_adv, home.lock._role.counter + 1, COUNT)
    rows["Home Assistant, changed, 5 entities"] = microseconds(
        lambda data: home.radio.advert(ADDRESS, data), real
    )
    rows["Home Assistant, same again"] = microseconds(
        lambda data: home.radio.advert(ADDRESS, data), [real[-1]] * COUNT
    )
    assert home.state().state == "unlocked"
    counter = home.lock._role.counter + 1 + COUNT
    around = [
        advert.data
        for advert in crowd(k_adv, DEVICE, counter=counter, began=time.time(), count=CROWD)
    ]
    rows["Home Assistant, mixed"] = microseconds(
        lambda data: home.radio.advert(ADDRESS, data), around
    )
    home.coordinator.adverts.async_stop()
    rows["Home Assistant, mixed, without this integration"] = microseconds(
        lambda data: home.radio.advert(ADDRESS, data), around
    )
    with capsys.disabled():
        print()
        for name, cost in rows.items():
            print(f"{name:<56}{cost:8.1f} us")
