"""Registration and re-keying survive a power cut at any write, and lost answers.

Protocol 10 and 17: the RAS follows its rules, the lock writes one record atomically.
"""

from collections.abc import Callable
from functools import partial
from operator import eq
import random

import pytest

from igrs_codec.bsld import admin, codes
from igrs_codec.bsld.frame import Bolt, Command, Operation
from igrs_codec.bsld.keys import code_key
from igrs_codec.bsld.lock_state import Ownership
from reference_devices.flash import Flash, PowerCutError
from tests.lock.bench import DEVICE, K_D, Bench, owned, writes
from tests.lock.ras import LockOutError, Ras

TORN = (0.0, 0.25, 0.5, 0.75, 1.0)


def register() -> tuple[Ras, Callable[[], None]]:
    """An unowned lock, and its registration."""
    ras = Ras(Bench(Ownership(), clock_set=False))
    return ras, ras.register


def rekey(*, x25519: bool) -> tuple[Ras, Callable[[], None]]:
    """An owned lock, and its re-key."""
    ras = Ras(Bench(), gen=1, k_d=K_D)
    return ras, lambda: ras.rekey(x25519=x25519)


def last_generation() -> tuple[Ras, Callable[[], None]]:
    """A lock whose next generation is 1 again."""
    ras = Ras(Bench(owned(gen=15)), gen=15, k_d=K_D)
    return ras, lambda: ras.rekey(x25519=False)


SCENES = {
    "registration": register,
    "symmetric": lambda: rekey(x25519=False),
    "X25519": lambda: rekey(x25519=True),
    "generation 15": last_generation,
}


@pytest.fixture(params=SCENES, ids=str)
def scene(request: pytest.FixtureRequest) -> Callable[[], tuple[Ras, Callable[[], None]]]:
    """What is interrupted."""
    return SCENES[request.param]


def test_power_cut_at_every_write(
    scene: Callable[[], tuple[Ras, Callable[[], None]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever write is cut, and however torn: the RAS ends with the lock's key."""
    ras, act = scene()
    before = ras.bench.medium.writes
    act()
    writes = ras.bench.medium.writes - before
    lock_outs = 0

    for number in range(1, writes + 1):
        for torn in TORN:
            ras, act = scene()
            ras.bench.medium.cut_at = ras.bench.medium.writes + number
            ras.bench.medium.torn = torn
            lock_outs += is_lock_out(ras, act)

    with capsys.disabled():
        print(f"\n{writes} writes, {writes * len(TORN)} power cuts: {lock_outs} lock-outs")  # noqa: T201
    assert writes >= 8
    assert lock_outs == 0


def test_every_lost_answer(scene: Callable[[], tuple[Ras, Callable[[], None]]]) -> None:
    """Whatever notification is lost: the RAS ends with the lock's key."""
    ras, act = scene()
    total = lose(ras.bench, lambda _: False)
    act()
    assert total() >= 4

    for lost in range(1, total() + 1):
        ras, act = scene()
        lose(ras.bench, partial(eq, lost))
        assert not is_lock_out(ras, act)


@pytest.mark.parametrize("seed", range(300))
def test_many_faults(seed: int) -> None:
    """Registration, five re-keys and epoch raises under random cuts and losses."""
    rng = random.Random(seed)  # noqa: S311 - repeatable tests
    bench = Bench(Ownership(), clock_set=False)
    ras = Ras(bench)
    lose(bench, lambda _: rng.random() < 0.1)

    for step in range(6):
        bench.medium.cut_at = bench.medium.writes + rng.randint(1, 25)
        bench.medium.torn = rng.random()
        ras.rekey(x25519=step == 0 or rng.random() < 0.5)
        if rng.random() < 0.3:
            ras.raise_epoch()
        ras.open_door()

    assert bench.own.gen == ras.gen == 6
    assert bench.own.k_d == ras.k_d


@pytest.mark.parametrize("torn", TORN)
@pytest.mark.parametrize("reset", [False, True], ids=["command", "button"])
def test_removal_ends_in_a_clean_state(reset: bool, torn: float) -> None:  # noqa: FBT001
    """Removal cut at any write: wholly the owner's or nobody's, and the counter goes on."""

    def act(bench: Bench) -> None:
        if reset:
            bench.lock.press_button(10)
        else:
            bench.client().admin(Command.REMOVE, admin.remove(DEVICE))

    whole = removable()
    written = writes(whole)
    act(whole)
    ends = set()
    for number in range(1, written() + 1):
        bench = removable()
        before = bench.counter
        bench.medium.cut_at, bench.medium.torn = bench.medium.writes + number, torn
        with pytest.raises(PowerCutError):
            act(bench)
        bench.lock.power_cycle()

        ends.add(bench.own.gen)
        assert bench.counter == before + 1
        if bench.own.gen:
            assert bench.own == owned()
            assert len(bench.records) > 256
        else:
            assert bench.own == Ownership(first_record=before + 1)
            assert [record.number for record in bench.records] == [before + 1]
            assert len(bench.lock._flash.records()) == 1

    assert 0 in ends


@pytest.mark.parametrize("torn", TORN)
def test_one_time_code_is_used_once(torn: float) -> None:
    """Cut at any write, a code never opens twice."""
    code = codes.once(code_key(K_D, DEVICE, 1, 0), 1)
    for number in range(1, 5):
        bench = Bench()
        bench.medium.cut_at, bench.medium.torn = bench.medium.writes + number, torn
        with pytest.raises(PowerCutError):
            bench.lock.type_code(code)
        bench.lock.power_cycle()
        opened = bench.bolt() is Bolt.UNLOCKED

        assert not (opened and bench.lock.type_code(code))


def test_control_one_flash_record() -> None:
    """With one flash record instead of two, power cuts do lock people out."""

    class OneRecord(Flash):
        def write_ownership(self, data: bytes) -> None:
            self._medium.erase(0)
            self._medium.erase(1)
            super().write_ownership(data)

    lock_outs = 0
    for number in range(1, 9):
        ras = Ras(Bench(), gen=1, k_d=K_D)
        ras.bench.lock._flash.__class__ = OneRecord
        ras.bench.medium.cut_at = ras.bench.medium.writes + number
        lock_outs += is_lock_out(ras, partial(ras.rekey, x25519=False))

    assert lock_outs > 0


def removable() -> Bench:
    """Return an owned lock with 600 records, over more than two pages."""
    bench = Bench()
    for _ in range(600):
        bench.lock.turn_knob(Operation.UNLOCK)
        bench.lock.turn_knob(Operation.LOCK)
    return bench


def is_lock_out(ras: Ras, act: Callable[[], None]) -> bool:
    """Return whether the RAS cannot open the lock in the end."""
    try:
        act()
        ras.open_door()
    except LockOutError:
        return True
    return False


def lose(bench: Bench, unlucky: Callable[[int], bool]) -> Callable[[], int]:
    """Lose notifications by their number; return a function that counts them."""
    number = 0
    deliver = bench.lock.on_notify

    def notify(link: int, packet: bytes) -> None:
        nonlocal number
        number += 1
        if not unlucky(number):
            deliver(link, packet)

    bench.lock.on_notify = notify
    return lambda: number
