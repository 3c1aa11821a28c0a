"""No lock-out: registration, re-key and removal with the power cut at every write.

On the lock's side every write to its flash, on the server's every transaction, before and after its
commit. Whatever broke off is repeated as a person or a gateway would, and has to end well.
"""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from ras_server.application.ownership import State
from tests.ras_server.application.world import World

TRIES: Final = 8

type Scene = Callable[[Path], World]
type Goal = Callable[[World], bool]
type Write = Callable[[list[bytes]], tuple[list[bytes], bytes | None]]


def _unlocks(world: World) -> bool:
    return any(world.attempt(world.unlock) for _ in range(TRIES))


def _register(world: World) -> bool:
    for _ in range(TRIES):
        if world.lock_generation == 0:
            world.press_button()
        if world.attempt(world.register) and world.state is State.ACTIVE:
            return world.lock_generation == world.generation == 1
    return False


def _rekey(world: World) -> bool:
    for _ in range(TRIES):
        world.attempt(world.deliver)
        device = world.lock.device
        if not device.rekey and not device.code_key_due and world.state is State.ACTIVE:
            return world.lock_generation == world.generation == 2
    return False


def _remove(world: World) -> bool:
    for _ in range(TRIES):
        world.attempt(world.deliver)
        if world.state is State.KNOWN:
            return world.lock_generation == 0
    return False


def _new(folder: Path) -> World:
    return World(folder)


def _rekey_due(reason: str) -> Scene:
    def scene(folder: Path) -> World:
        world = World(folder).registered()
        world.want_rekey(reason)
        return world

    return scene


def _removal_due(folder: Path) -> World:
    world = World(folder).registered()
    world.want_removal()
    return world


SCENES: Final = [
    pytest.param(_new, _register, id="registration"),
    pytest.param(_rekey_due("schedule"), _rekey, id="scheduled re-key"),
    pytest.param(_rekey_due("compromise"), _rekey, id="re-key with X25519"),
    pytest.param(_removal_due, _remove, id="removal"),
]


@pytest.mark.parametrize(("scene", "goal"), SCENES)
def test_undisturbed(tmp_path: Path, scene: Scene, goal: Goal) -> None:
    """Without a power cut each of them succeeds."""
    world = scene(tmp_path)

    assert goal(world)
    if goal is not _remove:
        assert _unlocks(world)


@pytest.mark.parametrize("torn", [0.0, 0.5, 1.0], ids=["before", "torn", "after"])
@pytest.mark.parametrize(("scene", "goal"), SCENES)
def test_lock_loses_power(tmp_path: Path, scene: Scene, goal: Goal, torn: float) -> None:
    """The lock loses power in each of its writes: what is repeated ends well."""
    for cut in count(1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        world = scene(folder)
        medium = world.door.medium
        medium.cut_at, medium.torn = medium.writes + cut, torn

        assert goal(world), cut
        if goal is not _remove:
            assert _unlocks(world), cut
        if medium.cut_at is not None:
            break
    assert cut > 1


@pytest.mark.parametrize("after", [False, True], ids=["before commit", "after commit"])
@pytest.mark.parametrize(("scene", "goal"), SCENES)
def test_server_dies(tmp_path: Path, scene: Scene, goal: Goal, *, after: bool) -> None:
    """The server dies in each of its transactions: it starts again, nobody is locked out."""
    for crash in count(1):
        folder = tmp_path / str(crash)
        folder.mkdir()
        world = scene(folder)
        database = world.db
        database.after_commit_too = after
        database.crash_at = database.writes + crash

        assert goal(world), crash
        if goal is not _remove:
            assert _unlocks(world), crash
        if database is world.db:
            break
    assert crash > 1


class LosingRadio:
    """Loses the answers of one flight."""

    def __init__(self, write: Write, lost: int) -> None:
        """Lose the flight of a number, from 1."""
        self._write = write
        self._lost = lost
        self.flights = 0

    def write(self, packets: list[bytes]) -> tuple[list[bytes], bytes | None]:
        """Carry a flight."""
        self.flights += 1
        answer = self._write(packets)
        return ([], None) if self.flights == self._lost else answer


@pytest.mark.parametrize(("scene", "goal"), SCENES)
def test_answers_are_lost(tmp_path: Path, scene: Scene, goal: Goal) -> None:
    """Each flight's answer is lost once: what is repeated ends well."""
    for lost in count(1):
        folder = tmp_path / str(lost)
        folder.mkdir()
        world = scene(folder)
        radio = LosingRadio(world.door.write, lost)
        world.door.write = radio.write  # type: ignore[method-assign]  # the radio is what fails

        assert goal(world), lost
        if goal is not _remove:
            assert _unlocks(world), lost
        if radio.flights < lost:
            break
    assert lost > 1
