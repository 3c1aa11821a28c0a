"""Random schedules: re-keys, revocations, late frames, forged ERR, cuts, crashes; no lock-out.

A seed gives a schedule, so a failure can be repeated. Frames may be kept by a gateway and be
delivered long after others; the lock and the server lose power at random writes.
"""

from pathlib import Path
from random import Random

import pytest

from igrs_codec.bsld.packet import Kind, error_packet, parse_header
from ras_server.application.agenda import Purpose, next_plan, pending_key
from ras_server.application.ownership import State
from ras_server.errors import RasError
from reference_devices.flash import PowerCutError
from tests.ras_server.application.world import CrashError, World

STEPS = 40
RECENT = 6
"""Packets among which a late one is chosen."""
SETTLING = 40
"""Tries in which an undisturbed world must reach its goal."""


class Schedule:
    """One random history of a lock and its server."""

    def __init__(self, world: World, seed: int) -> None:
        """Begin with a registered lock."""
        self.world = world
        self.random = Random(seed)  # noqa: S311 - a schedule that can be repeated
        self.kept: list[bytes] = []
        """Packets that a gateway still holds."""
        self._write = world.door.write
        world.door.write = self._carry  # type: ignore[method-assign]  # the radio is what fails

    def _carry(self, packets: list[bytes]) -> tuple[list[bytes], bytes | None]:
        """Carry a flight, lose packets and answers, keep copies of administration frames."""
        self.kept += [packet for packet in packets if parse_header(packet).kind is Kind.ADMIN]
        if self.random.random() < self.loss:  # somebody holds the packets back, and says ERR
            return [error_packet(packet) for packet in packets], None
        carried = [packet for packet in packets if self.random.random() > self.loss]
        notifications, hello = self._write(carried)
        if self.random.random() < self.loss:
            return [], None
        return notifications, hello

    loss = 0.15

    def run(self) -> None:
        """Let things happen."""
        for _ in range(STEPS):
            self._arm()
            self.random.choice(
                [
                    lambda: self.world.attempt(self.world.deliver),
                    lambda: self.world.attempt(self.world.deliver),
                    lambda: self.world.attempt(self.world.unlock),
                    self._want,
                    self._want,
                    self._late_frame,
                    self._pocket,
                ]
            )()
            if self.random.random() < 0.05:
                self.world.power_cycle()
            if self.random.random() < 0.05:
                self.world.restart()

    def _arm(self) -> None:
        """Let a write of the lock or of the server be the last one, now and then."""
        medium, database = self.world.door.medium, self.world.db
        if self.random.random() < 0.15:
            medium.cut_at = medium.writes + self.random.randint(1, 8)
            medium.torn = self.random.choice([0.0, 0.5, 1.0])
        if self.random.random() < 0.15:
            database.crash_at = database.writes + self.random.randint(1, 6)
            database.after_commit_too = self.random.random() < 0.5

    def _want(self) -> None:
        """Ask for a re-key, the end of all tickets, a configuration, the end of a code, a time."""
        chance = self.random.random()
        try:
            if chance < 0.2:
                self.world.want_revocation()
            elif chance < 0.3:
                self.world.want_config(self.random.randint(0, 3600))
            elif chance < 0.4:
                self.world.want_cancelled_code(self.random.randint(1, 3))
            elif chance < 0.5:
                self.world.want_time()
            else:
                self.world.want_rekey(self.random.choice(["schedule", "schedule", "compromise"]))
        except CrashError:
            self.world.restart()

    def _late_frame(self) -> None:
        """Deliver a packet that a gateway kept; nobody hears the answer."""
        if self.kept:
            try:
                self.world.door.connect()
                self._write([self.random.choice(self.kept[-RECENT:])])
            except PowerCutError:
                self.world.power_cycle()
            self.world.door.disconnect()

    def _pocket(self) -> None:
        """Let a gateway fetch a frame, carry it now or never, and bring back the answer."""
        world = self.world
        try:
            world.pocket()
        except CrashError:
            world.restart()
        except PowerCutError:
            world.power_cycle()
        except RasError:
            pass
        finally:
            world.door.disconnect()
            world.now += 61

    def settle(self) -> bool:
        """Disturb nothing any more: return whether everything due is done and the door opens."""
        world = self.world
        self.loss = 0.0
        world.door.medium.cut_at = None
        world.db.crash_at = None
        for _ in range(SETTLING):
            world.now += 600  # six time frames an hour are allowed
            world.attempt(world.deliver)
            device = world.lock.device
            if (
                world.state is State.ACTIVE
                and not device.rekey
                and not device.code_key_due
                and device.epoch_wanted == device.epoch
                and not device.clock_due
                and pending_key(world.lock.record) is None
                and all(each.synced for each in world.lock.record.config)
                and next_plan(world.lock.record) is None
                and world.generation == world.lock_generation
                and world.attempt(world.unlock)
            ):
                return True
        return False


@pytest.mark.parametrize("seed", [*range(30), 141])
def test_no_lock_out(tmp_path: Path, seed: int) -> None:
    """Whatever happened, the owner ends with a lock that does what is due, and opens."""
    schedule = Schedule(World(tmp_path).registered(), seed)

    schedule.run()

    assert schedule.settle()


def test_late_commit_of_a_replaced_key(tmp_path: Path) -> None:
    """A commit that was held back, and acts after its key was replaced, locks nobody out."""
    world = World(tmp_path).registered()
    world.want_rekey("schedule")
    write, held = world.door.write, list[bytes]()

    def hold_back_the_commit(packets: list[bytes]) -> tuple[list[bytes], bytes | None]:
        if pending_key(world.lock.record) is None:
            return write(packets)
        held.extend(packets)
        return [error_packet(packet) for packet in packets], None

    world.door.write = hold_back_the_commit  # type: ignore[method-assign]  # the radio fails
    assert not world.attempt(world.deliver)
    world.door.write = write  # type: ignore[method-assign]
    assert world.pocket() is Purpose.PROBE
    world.door.mute = True
    assert world.pocket() is Purpose.PREPARE
    world.door.mute = False
    world.door.connect()
    write(held)
    assert world.lock_generation == 2

    for _ in range(3):
        world.attempt(world.deliver)

    assert world.generation == world.lock_generation
    assert world.attempt(world.unlock)
