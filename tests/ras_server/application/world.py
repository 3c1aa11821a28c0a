"""One lock and one server's custody without HTTP: both can lose power at any write."""

from collections.abc import Callable, Generator
from dataclasses import replace
import os
from pathlib import Path
from typing import Any, Final

from igrs_codec.bsld.admin_values import Parameter
from igrs_codec.bsld.frame import ALL_RIGHTS
from igrs_codec.bsld.packet import Hello
from ras_server.application.agenda import Purpose, current_key, with_rekey
from ras_server.application.audit import AuditLog
from ras_server.application.custody import Custody
from ras_server.application.decision import Standing
from ras_server.application.delivery import deliver, due, set_clock
from ras_server.application.flows import (
    Flight,
    Flow,
    Link,
    Reply,
    accept,
    read_frame_answer,
    take_answer,
)
from ras_server.application.keyjournal import KeyJournal
from ras_server.application.locks import Lock, Locks
from ras_server.application.ownership import State, Step, advance
from ras_server.application.registration import Claim, register, remove
from ras_server.application.relay import Deed, relay
from ras_server.errors import Code, RasError
from ras_server.store.db import Database
from ras_server.store.devices import ConfigValue, KeypadCode
from ras_server.vault import Vault
from reference_devices.flash import PowerCutError
from tests.ras_server.application.parts import Door

OWNER: Final = "u-anna"
START: Final = 1795000000.0


class CrashError(Exception):
    """The server died."""


class CrashingDatabase(Database):
    """A database whose process dies in one of its transactions, before or after the commit."""

    writes = 0
    crash_at: int | None = None
    after_commit_too = False
    _depth = 0

    def execute(self, *args: Any, **kwargs: Any) -> int:
        """Count a statement outside of a transaction."""
        if self._depth:
            return super().execute(*args, **kwargs)
        return self._counted(lambda: super(CrashingDatabase, self).execute(*args, **kwargs))

    def write(self, **kwargs: Any) -> Any:
        """Count a transaction."""
        return _Transaction(self, super().write(**kwargs))

    def _counted(self, write: Callable[[], int]) -> int:
        dies = self.begin()
        changed = write()
        self.end(dies=dies)
        return changed

    def begin(self) -> bool:
        """Count a transaction; die before it, or return whether to die after it."""
        self.writes += 1
        dies = self.writes == self.crash_at
        if dies and not self.after_commit_too:
            raise CrashError
        return dies

    def end(self, *, dies: bool) -> None:
        """Die after a transaction, if that is wanted."""
        if dies:
            raise CrashError


class _Transaction:
    def __init__(self, database: CrashingDatabase, inner: Any) -> None:
        self._database = database
        self._inner = inner
        self._dies = False

    def __enter__(self) -> None:
        if not self._database._depth:
            self._dies = self._database.begin()
        self._database._depth += 1
        self._inner.__enter__()

    def __exit__(self, *error: object) -> Any:
        self._database._depth -= 1
        result = self._inner.__exit__(*error)
        if not self._database._depth and error[0] is None:
            self._database.end(dies=self._dies)
        return result


class World:
    """A server with a database file, a lock, a clock for both."""

    def __init__(self, folder: Path) -> None:
        """Begin with an empty server and a new lock."""
        self._folder = folder
        self.now = START
        self.drift = 0.0
        """Seconds that the clock of the lock is ahead."""
        self.door = Door(lambda: self.now + self.drift)
        self.start()
        self.db.execute(
            "INSERT OR IGNORE INTO user (user_id, account_type, account, scram, display_name,"
            " locale, created) VALUES (?, 'email', 'a@example.org', x'00', 'Anna', 'en', 0)",
            (OWNER,),
        )

    def start(self) -> None:
        """Start the server's process."""
        self.db = CrashingDatabase(self._folder / "ras.db")
        vault = Vault(bytes(range(32)))
        self.locks = Locks(
            db=self.db,
            custody=Custody(vault, os.urandom),
            journal=KeyJournal(self._folder / "keys.journal"),
            audit=AuditLog(self.db, lambda: self.now, "n1"),
            clock=lambda: self.now,
            random=os.urandom,
            new_id=lambda prefix: f"{prefix}-{os.urandom(8).hex()}",
        )

    def restart(self) -> None:
        """Start the server again, after it died or not."""
        self.db.close()
        self.start()

    @property
    def lock(self) -> Lock:
        """Return the lock as the server knows it."""
        lock = self.locks.get(self.door.device_id)
        assert lock is not None
        return lock

    @property
    def state(self) -> State | None:
        """Return the state of the device at the server."""
        lock = self.locks.get(self.door.device_id)
        return None if lock is None else State(lock.device.state)

    def link(self) -> Link:
        """Connect to the lock under a new HELLO."""
        lock = self.locks.get_or_claim(self.door.device_id)
        hello = Hello.from_bytes(self.door.connect())
        accept(lock, hello, self.now)
        return Link(lock, hello, self.now, "g-1")

    def carry[T](self, flow: Flow[T]) -> T:
        """Carry a flow to its end."""
        flights: Generator[Flight, Reply, T] = flow
        try:
            flight = next(flights)
            while True:
                notifications, hello = self.door.write(list(flight.packets))
                parsed = None if hello is None else Hello.from_bytes(hello)
                flight = flights.send(Reply(tuple(notifications), parsed))
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flights.close()

    def attempt(self, flow: Callable[[Link], Flow[Any]]) -> bool:
        """Try a flow on a new link; return whether it went through.

        Whatever breaks is started again: the server, the lock. A minute passes.
        """
        try:
            self.carry(flow(self.link()))
        except RasError:
            return False
        except CrashError:
            self.restart()
            return False
        except PowerCutError:
            self.power_cycle()
            return False
        finally:
            self.door.disconnect()
            self.now += 61
        return True

    def pocket(self) -> Purpose | None:
        """Let a gateway fetch the due frame, carry it and bring the answer; return what it was."""
        lock, frame = self.lock, self.lock.record.frame
        if frame is None or frame.refused:
            if (plan := due(self.locks, lock)) is None:
                return None
            frame = self.locks.frame(lock, plan)
        self.door.connect()
        notifications, _ = self.door.write([frame.packet])
        self.door.disconnect()
        answer = read_frame_answer(self.locks, lock, notifications)
        if answer is not None:
            take_answer(self.locks, lock, answer, "gw:g-1")
        return Purpose(frame.purpose)

    def power_cycle(self) -> None:
        """Let the lock lose its power, and get it back for good."""
        self.door.medium.cut_at = None
        self.door.lock.power_cycle()

    def register(self, link: Link) -> Flow[Any]:
        """Register the lock."""
        label = self.locks.custody.label_key(self.door.lock.device, self.door.setup_code)
        return register(self.locks, link, Claim(user_id=OWNER, name="Front door", label=label))

    def deliver(self, link: Link) -> Flow[Any]:
        """Tell the lock what is due, as a gateway at the door has it done."""
        if self.lock.device.state == State.REMOVING:
            yield from remove(self.locks, link)
            return
        if not link.hello.clock_set or self.lock.device.clock_due:
            yield from set_clock(self.locks, link)
            link.require()
        yield from deliver(self.locks, link)

    def unlock(self, link: Link) -> Flow[Any]:
        """Unlock as the owner."""
        standing = Standing(uid=self.lock.device.uid, rights=ALL_RIGHTS)
        outcome = yield from relay(self.locks, link, standing, (Deed(command="unlock"),))
        if outcome["status"]:
            raise RasError(Code(outcome["code"]), "The lock was not unlocked")
        return outcome

    def press_button(self) -> None:
        """Open the pairing window."""
        self.door.lock.press_button(1)

    def registered(self) -> World:
        """Register, and return this world."""
        self.press_button()
        assert self.attempt(self.register)
        assert self.state is State.ACTIVE
        return self

    def want_rekey(self, reason: str) -> None:
        """Let a re-key be due."""
        lock = self.lock
        self.locks.save(lock, with_rekey(lock.record, reason))

    def want_revocation(self) -> None:
        """Let a raise of the epoch be due."""
        lock = self.lock
        device = replace(lock.device, epoch_wanted=lock.device.epoch + 1)
        self.locks.save(lock, replace(lock.record, device=device))

    def want_config(self, seconds: int) -> None:
        """Let another auto-relock time be due."""
        lock = self.lock
        value = ConfigValue(device_id=lock.id, parameter=Parameter.AUTO_RELOCK, wanted=seconds)
        self.locks.save(lock, replace(lock.record, config=(value,)))

    def want_cancelled_code(self, number: int) -> None:
        """Let the end of a one-time code be due."""
        lock = self.lock
        code = KeypadCode(
            code_id=f"c-{number}-{lock.device.code_key}",
            device_id=lock.id,
            code_class=0,
            code_index=0,
            start=number,
            code_key=lock.device.code_key,
            format=0,
            name="",
            grant_id=None,
            created=0,
            cancelled=1,
        )
        others = (each for each in lock.record.codes if each.code_id != code.code_id)
        self.locks.save(lock, replace(lock.record, codes=(*others, code)))

    def want_time(self) -> None:
        """Let a time frame be due."""
        lock = self.lock
        self.locks.save(lock, replace(lock.record, device=replace(lock.device, clock_due=1)))

    def want_removal(self) -> None:
        """Let the removal be due."""
        lock = self.lock
        self.locks.save(lock, advance(lock.record, Step.REMOVE))

    @property
    def generation(self) -> int:
        """Return the generation that the server holds for present."""
        key = current_key(self.lock.record)
        return 0 if key is None else key.gen

    @property
    def lock_generation(self) -> int:
        """Return the generation of the lock itself."""
        return int(self.door.lock.show()["generation"])
