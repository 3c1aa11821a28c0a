"""The rows of a device: its keys, users, codes, configuration, the frame that waits."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, fields

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device (fields and units as in migrations 0002 and 0005)."""

    device_id: str
    k_f: bytes | None = field(default=None, repr=False)
    state: str
    owner: str | None = None
    uid: int = 0
    name: str = ""
    registration: int = 0
    epoch: int = 1
    epoch_wanted: int = 1
    t_adm: int = 0
    tag: int = 0
    rekey: str = ""
    code_key_due: int = 0
    code_time: int = 0
    k_code: bytes | None = field(default=None, repr=False)
    code_key: str = ""
    lost: int | None = None
    clock_due: int = 0
    shadow: str = "{}"
    created: int
    rev: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key of a generation, sealed.

    `exposed`: its K_adv may be known to somebody who is to be shut out (migration 0012).
    """

    key_id: str
    device_id: str
    gen: int
    phase: str
    n_r: bytes = field(repr=False)
    k_d: bytes | None = field(default=None, repr=False)
    private: bytes | None = field(default=None, repr=False)
    created: int
    exposed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFrame:
    """The administration frame that waits for its answer."""

    device_id: str
    key_id: str
    gen: int
    tag: int
    purpose: str
    subject: int
    command: int
    value: bytes = field(repr=False)
    time: int
    packet: bytes = field(repr=False)
    refused: int = 0
    issued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockUser:
    """A row of the lock: what is wanted there, and whether the lock has confirmed it."""

    device_id: str
    uid: int
    lock_row: int
    rights: int
    user_id: str | None
    grant_id: str | None
    wanted: int = 1
    synced: int = 0
    not_before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypadCode:
    """A code that was given out: what it stands for, never its digits (0005, 0013)."""

    code_id: str
    device_id: str
    code_class: int
    code_index: int
    start: int
    code_key: str
    format: int
    name: str
    grant_id: str | None
    created: int
    used: int = 0
    cancelled: int = 0
    synced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigValue:
    """A parameter of the lock: what is wanted, and what the lock said (migration 0005)."""

    device_id: str
    parameter: int
    wanted: int
    reported: int | None = None
    synced: int = 0
    code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is stored about one device and must change together."""

    device: Device
    keys: tuple[StoredKey, ...] = ()
    users: tuple[LockUser, ...] = ()
    codes: tuple[KeypadCode, ...] = ()
    config: tuple[ConfigValue, ...] = ()
    frame: StoredFrame | None = None

    @property
    def rows(self) -> tuple[_Row, ...]:
        """Return every row of the record."""
        frame = () if self.frame is None else (self.frame,)
        return (self.device, *self.keys, *self.users, *self.codes, *self.config, *frame)


type _Row = Device | StoredKey | StoredFrame | LockUser | KeypadCode | ConfigValue

_TABLES: dict[type[_Row], tuple[str, str]] = {
    Device: ("device", "device_id"),
    StoredKey: ("device_key", "key_id"),
    StoredFrame: ("frame", "device_id"),
    LockUser: ("lock_user", "device_id, uid"),
    KeypadCode: ("keypad_code", "code_id"),
    ConfigValue: ("lock_config", "device_id, parameter"),
}


def _upsert(table: type[_Row]) -> str:
    name, key = _TABLES[table]
    columns = [each.name for each in fields(table)]
    rest = [column for column in columns if column not in key.split(", ")]
    return (  # the names are those of this module
        f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        f" ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in rest)}"
    )


_UPSERT = {table: _upsert(table) for table in _TABLES}


def load(db: Database, device_id: str) -> Record | None:
    """Return everything about a device, its keys oldest first."""
    row = db.one("SELECT * FROM device WHERE device_id = ?", (device_id,))
    if row is None:
        return None
    keys = db.all(
        "SELECT * FROM device_key WHERE device_id = ? ORDER BY created, key_id", (device_id,)
    )
    users = db.all("SELECT * FROM lock_user WHERE device_id = ? ORDER BY uid", (device_id,))
    codes = db.all(
        "SELECT * FROM keypad_code WHERE device_id = ? ORDER BY created, code_id", (device_id,)
    )
    config = db.all(
        "SELECT * FROM lock_config WHERE device_id = ? ORDER BY parameter", (device_id,)
    )
    frame = db.one("SELECT * FROM frame WHERE device_id = ?", (device_id,))
    return Record(
        device=Device(**row),
        keys=tuple(StoredKey(**each) for each in keys),
        users=tuple(LockUser(**each) for each in users),
        codes=tuple(KeypadCode(**each) for each in codes),
        config=tuple(ConfigValue(**each) for each in config),
        frame=None if frame is None else StoredFrame(**frame),
    )


def save(db: Database, old: Record | None, new: Record) -> None:
    """Write what has changed, all or nothing."""
    before = set[_Row]() if old is None else set(old.rows)
    kept = {_key(row) for row in new.rows}
    with db.write():
        for each in before:
            if _key(each) not in kept:
                _delete(db, each)
        for each in new.rows:
            if each not in before:
                db.execute(_UPSERT[type(each)], astuple(each))


def delete(db: Database, device_id: str) -> None:
    """Forget a device with everything that hangs on it but its records and its given uids."""
    db.execute("DELETE FROM device WHERE device_id = ?", (device_id,))


def _key(row: _Row) -> tuple[object, ...]:
    name, key = _TABLES[type(row)]
    return name, *(getattr(row, column) for column in key.split(", "))


def _delete(db: Database, row: _Row) -> None:
    name, key = _TABLES[type(row)]
    columns = key.split(", ")
    db.execute(
        f"DELETE FROM {name} WHERE {' AND '.join(f'{column} = ?' for column in columns)}",  # noqa: S608 - names of this module
        tuple(getattr(row, column) for column in columns),
    )


def owned_by(db: Database, user_id: str) -> list[str]:
    """Return the ids of the devices of a person."""
    rows = db.all("SELECT device_id FROM device WHERE owner = ?", (user_id,))
    return [row["device_id"] for row in rows]


def visible_to(
    db: Database, holder: tuple[str, str], now: int, after: tuple[int, str], limit: int
) -> list[str]:
    """Return the ids of the devices that a person owns or has a live grant for, in order.

    `holder` is the person and the gateway that asks, or "": it may have a grant of its own.
    """
    rows = db.all(
        "SELECT device_id FROM device WHERE (created, device_id) > (?1, ?2) AND (owner = ?3"
        " OR device_id IN (SELECT device_id FROM access_grant WHERE revoked IS NULL"
        " AND (start IS NULL OR start <= ?4) AND (until IS NULL OR until > ?4)"
        " AND (user_id = ?3 OR account = (SELECT account FROM user WHERE user_id = ?3)"
        " OR gateway_id = ?5))) ORDER BY created, device_id LIMIT ?6",
        (*after, holder[0], now, holder[1], limit),
    )
    return [row["device_id"] for row in rows]


def every(db: Database, after: tuple[int, str], limit: int) -> list[tuple[str, str, str, int]]:
    """Return a page of all devices: id, state, owner or nothing, creation."""
    rows = db.all(
        "SELECT device_id, state, coalesce(owner, '') AS owner, created FROM device"
        " WHERE (created, device_id) > (?, ?) ORDER BY created, device_id LIMIT ?",
        (*after, limit),
    )
    return [(row["device_id"], row["state"], row["owner"], row["created"]) for row in rows]


def give_uid(db: Database, device_id: str, uid: int) -> bool:
    """Reserve a user account ID for ever; False if the lock had it before."""
    given = "INSERT OR IGNORE INTO given_uid (device_id, uid) VALUES (?, ?)"
    return bool(db.execute(given, (device_id, uid)))


def add_known(db: Database, devices: Iterable[Device]) -> int:
    """Add imported devices; return how many were not there."""
    return sum(
        db.execute(
            "INSERT OR IGNORE INTO device (device_id, k_f, state, created) VALUES (?, ?, ?, ?)",
            (device.device_id, device.k_f, device.state, device.created),
        )
        for device in devices
    )


def time_frames(
    db: Database, device_id: str, claimant: str, *, since: int, until: int
) -> list[int]:
    """Return when a lock got time frames, or one who claims it (Unix times, oldest first).

    What was noted under a clock that was ahead counts no more when that is set right.
    """
    rows = db.all(
        "SELECT at FROM time_frame"
        " WHERE device_id = ? AND claimant = ? AND at > ? AND at <= ? ORDER BY at",
        (device_id, claimant, since, until),
    )
    return [row["at"] for row in rows]


def add_time_frame(db: Database, device_id: str, claimant: str, at: int) -> None:
    """Note a time frame of a lock, or of one who claims it."""
    db.execute(
        "INSERT OR IGNORE INTO time_frame (device_id, claimant, at) VALUES (?, ?, ?)",
        (device_id, claimant, at),
    )


def forget_time_frames(db: Database, before: int) -> None:
    """Drop what no limit counts any more."""
    db.execute("DELETE FROM time_frame WHERE at <= ?", (before,), durable=False)


def want_time(db: Database) -> int:
    """Note that every owned lock needs its clock set anew; return how many there are."""
    return db.execute("UPDATE device SET clock_due = 1 WHERE owner IS NOT NULL")


def rotting(db: Database, before: int, limit: int) -> list[str]:
    """Return locks whose present key is of before a time, and for which no re-key is due."""
    rows = db.all(
        "SELECT device_id FROM device_key JOIN device USING (device_id)"
        " WHERE phase = 'current' AND device_key.created < ? AND rekey = ''"
        " AND state = 'active' LIMIT ?",
        (before, limit),
    )
    return [row["device_id"] for row in rows]


def label_of(db: Database, device_id: str) -> bytes | None:
    """Return the sealed K_F of a device."""
    row = db.one("SELECT k_f FROM device WHERE device_id = ?", (device_id,))
    return None if row is None else row["k_f"]
