"""The locks in memory: each stored record, and what lives only as long as the process."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from weakref import WeakValueDictionary

from aiohttp import web
import orjson

from igrs_codec.bsld import admin
from igrs_codec.bsld.keys import RE_KEY_NONCE_SIZE, device_id_from_text, next_generation
from igrs_codec.bsld.session import HelloMemory

from ..errors import Code, RasError
from ..keys import Clock, Random
from ..store import clock as clock_store, devices as store
from ..store.db import Database
from ..store.devices import Device, Record, StoredFrame, StoredKey
from .agenda import Plan, current_key, issue
from .answers import NEW_CODE_KEY
from .audit import AuditLog
from .custody import CodeKey, Custody, DeviceKey, KeyPair
from .keyjournal import Entry, KeyJournal
from .ownership import Phase, State, Step, advance, recovered, remains

_NODE: Final = 1

TIME_FRAMES: Final = 6
"""Time frames per lock and hour, or per claimant of a lock; and at most one a minute."""
MINUTE: Final = 60  # seconds
HOUR: Final = 3600  # seconds
CLOCK_DOUBT: Final = 120
"""Seconds below its highest time at which the server's clock is not believed."""


class Lock:
    """One lock: the stored record, and what only the process knows."""

    def __init__(self, record: Record, *, stored: bool) -> None:
        """Begin with a record, which is in the database already or not."""
        self.id = record.device.device_id
        """12 characters."""
        self.bytes = device_id_from_text(self.id)
        """The same, 6 bytes."""
        self.address = f"dev:{self.id}"
        self.record = record
        self.stored = record if stored else None
        self.lease = asyncio.Lock()
        self.hellos = HelloMemory()
        self.epoch_doubted = False
        """A gateway reported that the lock refuses the known epoch."""
        self.handles: dict[str, DeviceKey] = {}
        self.forgotten = False
        """The device was removed; an exchange may still hold this."""

    @property
    def device(self) -> Device:
        """Return the stored row."""
        return self.record.device


class Locks:
    """All locks of the server; the one writer of their records."""

    def __init__(
        self,
        *,
        db: Database,
        custody: Custody,
        journal: KeyJournal,
        audit: AuditLog,
        clock: Clock,
        random: Random,
        new_id: Callable[[str], str],
    ) -> None:
        """Use a database, the custody of the keys, a clock and a source of randomness."""
        self.db = db
        self.custody = custody
        self.audit = audit
        self.random = random
        self.new_id = new_id
        self.journal = journal
        self._clock = clock
        self.on_forget: Callable[[Lock], None] = lambda _: None
        self._locks: dict[str, Lock] = {}
        self._claimed: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        """Locks of which nothing is stored: as long as somebody tries to register one."""
        self._uncommitted: set[Lock] = set()
        db.on_rollback(self._take_back)
        self._tid = int.from_bytes(random(2))
        self._mark = max(clock_store.mark(db), audit.head.ts)

    @property
    def now(self) -> int:
        """Return the time in whole Unix seconds; raise 5004 if the own clock went back."""
        now = int(self._clock())
        if now < self._mark - CLOCK_DOUBT:
            raise RasError(Code.NOT_READY, "The server's clock went back")
        if now > self._mark + MINUTE:
            self._mark = now
            clock_store.set_mark(self.db, now)
        return now

    def confirm_clock(self, now: int) -> int:
        """Take a time as the mark that the clock must not fall below; return the old one."""
        before, self._mark = self._mark, now
        clock_store.set_mark(self.db, now)
        return before

    @property
    def moment(self) -> float:
        """Return the time in Unix seconds."""
        return self._clock()

    def __contains__(self, device_id: str) -> bool:
        """Return whether a lock is in memory."""
        return device_id in self._locks

    def get(self, device_id: str) -> Lock | None:
        """Return a known lock."""
        if (lock := self._locks.get(device_id)) is not None:
            return lock
        if (stored := store.load(self.db, device_id)) is None:
            return None
        lock = self._locks[device_id] = Lock(stored, stored=True)
        self.save(lock, recovered(stored))
        return lock

    def get_or_claim(self, device_id: str) -> Lock:
        """Return a lock, which is new if nothing is known of it: the same for all who claim it."""
        lock = self.get(device_id) or self._claimed.get(device_id)
        if lock is None or lock.forgotten:
            device = Device(device_id=device_id, state=State.KNOWN, created=self.now)
            lock = self._claimed[device_id] = Lock(Record(device=device), stored=False)
        return lock

    def reload(self) -> None:
        """Read the records again: somebody changed the rows themselves."""
        for lock in list(self._locks.values()):
            if lock.stored is not None:
                self._read(lock)

    def _take_back(self) -> None:
        """Read the records again that were changed in a transaction that was taken back."""
        for lock in self._uncommitted:
            self._read(lock)

    def _read(self, lock: Lock) -> None:
        if (fresh := store.load(self.db, lock.id)) is not None:
            lock.record = lock.stored = fresh
        elif self._locks.pop(lock.id, None) is not None:
            lock.forgotten = True

    def save(self, lock: Lock, record: Record) -> None:
        """Store what has changed, in one transaction; nothing is sent before.

        Raises 2001 if the device was forgotten, perhaps registered anew, in the meantime.
        """
        if lock.forgotten or (self.get(lock.id) or lock) is not lock:
            raise RasError(Code.DEVICE_UNKNOWN, "The device was removed in the meantime")
        self._locks[lock.id] = lock
        if record.device.code_key == NEW_CODE_KEY:
            record = self._with_code_key(lock, record)
        if record != lock.stored:
            store.save(self.db, lock.stored, record)
            if not self._uncommitted:
                self.db.after_commit(self._uncommitted.clear)
            self._uncommitted.add(lock)
        lock.record = lock.stored = record

    def _with_code_key(self, lock: Lock, record: Record) -> Record:
        """Derive K_code while the generation it comes from is there."""
        if (current := current_key(record)) is None:
            return record
        device, name = record.device, self.new_id("k")
        key = self.key(lock, current).code_key(device.code_time)
        sealed = self.custody.seal_code_key(key, lock.bytes, name)
        return replace(record, device=replace(device, k_code=sealed, code_key=name))

    def code_key(self, lock: Lock) -> CodeKey:
        """Return the key of the lock's codes, or raise 2006 while a new one is on its way."""
        device = lock.device
        if device.code_key_due or device.k_code is None:
            raise RasError(Code.BUSY, "The lock is given a new code key first")
        return self.custody.open_code_key(lock.bytes, device.code_key, device.k_code)

    def set_shadow(self, lock: Lock, shadow: dict[str, Any]) -> None:
        """Keep the state that a lock told last."""
        device = replace(lock.device, shadow=orjson.dumps(shadow).decode())
        self.save(lock, replace(lock.record, device=device))

    def set_version(self, lock: Lock, version: dict[str, Any]) -> None:
        """Keep the version that a lock told."""
        shadow = orjson.loads(lock.device.shadow)
        self.set_shadow(lock, {**shadow, **version})

    def forget(self, lock: Lock) -> None:
        """Forget a device, and tell so; its keys remain in the journal."""
        if self._locks.get(lock.id) is not lock:
            return
        self.on_forget(lock)  # while it is still known whose it was
        store.delete(self.db, lock.id)
        if (left := remains(lock.device)) is not None:
            store.save(self.db, None, left)
        lock.forgotten = True
        del self._locks[lock.id]

    def key(self, lock: Lock, stored: StoredKey) -> DeviceKey:
        """Return the handle of a stored key, which is made once."""
        if (handle := lock.handles.get(stored.key_id)) is None:
            if stored.k_d is None:
                raise RasError(Code.INTERNAL, "This key is not derived yet")
            handle = self.custody.open_key(lock.bytes, stored.gen, stored.key_id, stored.k_d)
            lock.handles[stored.key_id] = handle
        return handle

    def frame(self, lock: Lock, plan: Plan, *, lock_time: int | None = None) -> StoredFrame:
        """Make the next administration frame, and store it before anybody can send it.

        `lock_time` is given to a lock that can only be spoken to in its own time.
        """
        now = self.now
        record, tag, time = issue(lock.record, plan, now, lock_time=lock_time)
        if plan.key.phase == Phase.READY:
            self._write_journal(lock, plan.key, now)
        packet = admin.request(
            self.key(lock, plan.key).admin,
            plan.key.gen,
            tag,
            command=plan.command,
            value=plan.value,
            time=time,
        )
        frame = StoredFrame(
            device_id=lock.id,
            key_id=plan.key.key_id,
            gen=plan.key.gen,
            tag=tag,
            purpose=plan.purpose,
            subject=plan.subject,
            command=plan.command,
            value=plan.value,
            time=time,
            packet=packet,
            issued=now,
        )
        self.save(lock, replace(record, frame=frame))
        return frame

    def use(self, lock: Lock, key: StoredKey) -> StoredKey:
        """Note that a frame is about to be made under a key, before it is made."""
        if key.phase != Phase.READY:
            return key
        self._write_journal(lock, key, self.now)
        sent = replace(key, phase=Phase.SENT)
        keys = tuple(sent if each.key_id == key.key_id else each for each in lock.record.keys)
        self.save(lock, replace(lock.record, keys=keys))
        return sent

    def _write_journal(self, lock: Lock, key: StoredKey, now: int) -> None:
        if key.k_d is not None:
            self.journal.append(
                Entry(device_id=lock.id, gen=key.gen, key_id=key.key_id, k_d=key.k_d, ts=now)
            )

    def store_rotation(self, lock: Lock) -> StoredKey:
        """Store the next generation of an owned lock, derived without X25519, before it is sent."""
        current = self._current(lock)
        key = self._generation(lock, next_generation(current.gen))
        handle = self.key(lock, current).rekeyed(key.n_r)
        key = replace(key, k_d=self.custody.seal_key(handle, key.key_id))
        self.save(lock, advance(lock.record, Step.STORE, key))
        return key

    def store_exchange(self, lock: Lock) -> tuple[StoredKey, KeyPair]:
        """Store the next generation of an owned lock, for X25519, before it is sent."""
        key, pair = self.new_key(lock, next_generation(self._current(lock).gen))
        self.save(lock, advance(lock.record, Step.STORE, key))
        return key, pair

    def new_key(self, lock: Lock, gen: int) -> tuple[StoredKey, KeyPair]:
        """Return a generation to be derived by X25519, and the server's key pair for it."""
        key, pair = self._generation(lock, gen), self.custody.new_pair()
        sealed = self.custody.seal_pair(pair, lock.bytes, gen, key.key_id)
        return replace(key, private=sealed), pair

    def _generation(self, lock: Lock, gen: int) -> StoredKey:
        return StoredKey(
            key_id=self.new_id("k"),
            device_id=lock.id,
            gen=gen,
            phase=Phase.STORED,
            n_r=self.random(RE_KEY_NONCE_SIZE),
            created=self.now,
        )

    def _current(self, lock: Lock) -> StoredKey:
        if (current := current_key(lock.record)) is None:
            raise RasError(Code.FRAME_REJECTED, "The lock has no generation to follow")
        return current

    def next_tid(self) -> int:
        """Return the next ticket number: node (4 bits, one node) and counter (12 bits)."""
        self._tid = _NODE << 12 | (self._tid + 1) & 0xFFF
        return self._tid

    def take_time_frame(self, lock: Lock, claimant: str = "") -> None:
        """Count a time frame of a lock, or raise 5003: at most 1 in 60 s and 6 per hour.

        Whoever wants to register a lock has frames of his own: they are made under the key of the
        label that he shows, and anybody can show one.
        """
        now = self.now
        frames = store.time_frames(self.db, lock.id, claimant, since=now - HOUR, until=now)
        waits = [frames[-1] + MINUTE - now] if frames else []
        if len(frames) >= TIME_FRAMES:
            waits.append(frames[-TIME_FRAMES] + HOUR - now)
        if (wait := max(waits, default=0)) > 0:
            raise RasError(
                Code.RATE_LIMITED, "Too many time frames for this lock", retry_after=wait + 1
            )
        store.add_time_frame(self.db, lock.id, claimant, now)

    def new_uid(self, lock: Lock) -> int:
        """Return a random user account ID that this lock never had, and give it away."""
        while True:
            uid = int.from_bytes(self.random(4))
            if uid and store.give_uid(self.db, lock.id, uid):
                return uid


LOCKS: Final = web.AppKey("locks", Locks)
