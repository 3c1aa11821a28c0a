"""A restored database is brought up to the journals beside it (project profile, section 12).

What was taken away after the backup stays taken away; where the backup cannot know what followed,
it is the safe side that counts: a person whose password was reset sets it anew, a gateway whose
secret changed logs in anew, nobody is inside of a geofence that was set since, a grant for so many
uses has none left. A lock that was re-keyed after the backup is found again with the key of the
journal, one that was registered since gets its owner back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson

from igrs_codec.bsld.keys import RE_KEY_NONCE_SIZE
from igrs_codec.bsld.ticket import rights_from_names

from ..keys import Random
from ..store import accounts, devices, factors, gateways, grants, managers, restored as store, sites
from ..store.db import Database
from ..store.devices import Device, Record, StoredKey
from .agenda import current_key, owner_user, with_rekey
from .changejournal import Change
from .geofence import Policy
from .keyjournal import Entry
from .ownership import OWNED, Phase, State, Step, advance, remains
from .transfer import handed_over

_SLACK: Final = 120
"""Seconds that a key may stand in the journal before the claim that it proves."""


type _End = Callable[[Database, Change], object]

_ENDS: Final[dict[str, _End]] = {
    **dict.fromkeys(
        ("device.found", "device.lost"),
        lambda db, change: store.set_lost(
            db, change.subject, change.ts if change.action == "device.lost" else None
        ),
    ),
    **dict.fromkeys(
        ("grant.change", "grant.revoke"),
        lambda db, change: store.end_grant(db, change.detail["grant"], change.ts),
    ),
    "grant.renew": lambda db, change: store.write_row(db, change.detail["grant"]),
    "gateway.manage_no_more": lambda db, change: managers.withdraw(db, change.subject),
    "gateway.remove": lambda db, change: gateways.remove(db, change.subject),
    "gateway.rotate": lambda db, change: store.end_secret(db, change.subject),
    "key.rekey": lambda db, change: _want_rekey(db, change.subject, change.detail["reason"]),
    "key.revoke_all": lambda db, change: store.want_epoch(
        db, change.subject, change.detail["epoch"]
    ),
    "site.change": lambda db, change: store.lock_down(
        db, change.subject, change.detail["lockdown"]
    ),
    "site.dismiss": lambda db, change: sites.remove_person(db, change.detail["person"]),
    "site.geofence": lambda db, change: store.fence(
        db, change.subject, _nowhere(change.detail["policy"])
    ),
    **dict.fromkeys(
        ("site.put_device", "site.take_device"),
        lambda db, change: sites.take_device(db, change.detail["device"]),
    ),
    "site.take_gateway": lambda db, change: sites.take_gateway(
        db, change.subject, change.detail["gateway"]
    ),
    "site.remove": lambda db, change: sites.remove(db, change.subject),
    **dict.fromkeys(
        ("user.lock", "user.remove"),
        lambda db, change: accounts.set_locked(db, change.subject, locked=True),
    ),
    **dict.fromkeys(
        ("user.totp.off", "user.totp.on"),
        lambda db, change: factors.remove(db, change.subject),
    ),
    "user.totp.codes": lambda db, change: factors.replace_codes(db, change.subject, []),
    "user.unlock": lambda db, change: accounts.set_locked(db, change.subject, locked=False),
    "user_row.change": lambda db, change: store.change_row(
        db,
        change.subject,
        change.detail["uid"],
        rights=rights_from_names(change.detail["rights"]),
    ),
    "user_row.delete": lambda db, change: store.delete_row(
        db, change.subject, change.detail["uid"]
    ),
}
"""What is done for those changes that one statement follows."""


class Recovery:
    """What is done to a restored database, and how often."""

    def __init__(
        self, db: Database, *, now: int, random: Random, no_password: Callable[[str], bytes]
    ) -> None:
        """Work on a database that no server has open.

        `no_password` returns a verifier of a person, sealed, that no password fits.
        """
        self._db = db
        self._now = now
        self._random = random
        self._no_password = no_password
        self.changes = 0
        self.keys = 0

    def run(self, changes: Iterable[Change], entries: Sequence[Entry]) -> None:
        """Drop all tokens, follow the journals, and have every lock's tickets revoked.

        `changes` are those that the database does not know, `entries` all of the key journal.
        """
        with self._db.write():
            store.forget_logins(self._db)
            store.spend_uses(self._db)
            for change in changes:
                self._follow(change, entries)
                self.changes += 1
            for device_id in store.all_devices(self._db):
                self._recover(device_id, entries)

    def _follow(self, change: Change, entries: Sequence[Entry]) -> None:
        if change.action == "device.claim":
            self._claim(change, entries)
        elif (end := _ENDS.get(change.action)) is not None:
            end(self._db, change)
        elif change.action == "device.transfer":
            self._hand_over(change.subject, change.detail["to"], change.ts)
        elif change.action == "device.wipe":
            self._remove(change.subject)
        elif change.action == "user.reset":
            accounts.set_scram(self._db, change.subject, self._no_password(change.subject))
            gateways.end_secrets(self._db, change.subject)
        elif not change.result:  # the lock answered that it is wiped, or it was forgotten
            self._forget(change.subject)

    def _forget(self, device_id: str) -> None:
        """Take a lock from its owner: it was removed, or given to somebody else."""
        if (record := devices.load(self._db, device_id)) is None:
            return
        devices.delete(self._db, device_id)
        if (left := remains(record.device)) is not None:
            devices.save(self._db, None, left)

    def _remove(self, device_id: str) -> None:
        """Have a lock wiped: its owner wanted that, and it had not answered."""
        record = devices.load(self._db, device_id)
        if record is not None and record.device.state in OWNED:
            devices.save(self._db, record, advance(record, Step.REMOVE))

    def _hand_over(self, device_id: str, owner: str, at: int) -> None:
        """Give a lock to its new owner; what was granted before has ended."""
        record = devices.load(self._db, device_id)
        if record is None or not store.knows_user(self._db, owner):
            self._forget(device_id)
            return
        grants.end_device(self._db, device_id, at)
        sites.take_device(self._db, device_id)
        new = handed_over(record, owner, self._new_uid(device_id), at)
        devices.save(self._db, record, new)

    def _claim(self, change: Change, entries: Sequence[Entry]) -> None:
        """Give a lock that was registered after the backup to its owner, with its first key."""
        owner, device_id = change.actor.removeprefix("user:"), change.subject
        keys = [each for each in entries if _is(each, device_id, since=change.ts - _SLACK)]
        if not keys:
            return
        self._forget(device_id)
        if not store.knows_user(self._db, owner):
            return
        before = devices.load(self._db, device_id)
        device = Device(
            device_id=device_id,
            k_f=None if before is None else before.device.k_f,
            state=State.READY,
            owner=owner,
            uid=self._new_uid(device_id),
            registration=change.ts,
            created=self._now,
        )
        record = owner_user(Record(device=device), device.uid, owner)
        record = replace(record, keys=(_stored(keys[0], Phase.SENT),))
        devices.save(self._db, before, record)

    def _new_uid(self, device_id: str) -> int:
        while True:
            uid = int.from_bytes(self._random(4))
            if uid and devices.give_uid(self._db, device_id, uid):
                return uid

    def _recover(self, device_id: str, entries: Sequence[Entry]) -> None:
        record = devices.load(self._db, device_id)
        if record is None or record.device.state not in OWNED:
            return
        found = followed(record, [each for each in entries if each.device_id == device_id])
        self.keys += len({key.key_id for key in found.keys} - {key.key_id for key in record.keys})
        device = replace(
            found.device,
            epoch_wanted=max(found.device.epoch, found.device.epoch_wanted) + 1,
            t_adm=max(found.device.t_adm, self._now),
            code_key_due=1,  # codes that were given out since are not known
        )
        devices.save(self._db, record, replace(found, device=device, frame=None))


def _want_rekey(db: Database, device_id: str, reason: str) -> None:
    if (record := devices.load(db, device_id)) is not None:
        devices.save(db, record, with_rekey(record, reason))


def _nowhere(policy: str) -> str | None:
    """Return a fence that nobody is inside of: the place of the one that was set is not known."""
    if policy == Policy.OFF:
        return None
    limits = {"radius_m": 0, "dwell_s": 0, "max_age_s": 0, "max_accuracy_m": -1}
    return orjson.dumps({"lat": 0.0, "lon": 0.0, "policy": policy} | limits).decode()


def _is(entry: Entry, device_id: str, *, since: int) -> bool:
    return entry.device_id == device_id and entry.ts >= since


def followed(record: Record, entries: Sequence[Entry]) -> Record:
    """Return a record with the keys of its journal (in order) that came after those it has.

    Of each a frame was made, so the lock may have the newest one (protocol 10); the one of the
    generation before that was in use, because the newest was made from it.
    """
    places = {each.key_id: place for place, each in enumerate(entries)}
    known = [places[key.key_id] for key in record.keys if key.key_id in places]
    keys = [
        replace(key, phase=Phase.SENT) if _was_sent(key, places) else key for key in record.keys
    ]
    new = entries[max(known) + 1 :] if known else ()
    if not new:
        return replace(record, keys=tuple(keys))
    newest = new[-1]
    keys = [key for key in keys if key.phase in {Phase.CURRENT, Phase.SENT, Phase.STALE}]
    keys += [_stored(each, Phase.SENT) for each in new]
    before = [key for key in keys if key.key_id in places and key.gen != newest.gen]
    used = max(before, key=lambda key: places[key.key_id], default=None) or current_key(record)
    phases = {newest.key_id: Phase.SENT}
    if used is not None:
        phases[used.key_id] = Phase.CURRENT
    keys = [replace(key, phase=phases.get(key.key_id, Phase.STALE)) for key in keys]
    state = State(record.device.state)
    state = State.ROTATING if state is State.ACTIVE else state
    return replace(record, device=replace(record.device, state=state), keys=tuple(keys))


def _was_sent(key: StoredKey, places: Mapping[str, int]) -> bool:
    return key.phase == Phase.READY and key.key_id in places


def _stored(entry: Entry, phase: Phase) -> StoredKey:
    return StoredKey(
        key_id=entry.key_id,
        device_id=entry.device_id,
        gen=entry.gen,
        phase=phase,
        n_r=bytes(RE_KEY_NONCE_SIZE),  # told to the lock already
        k_d=entry.k_d,
        created=entry.ts,
    )
