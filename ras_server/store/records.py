"""The records of the locks, as gateways uploaded them."""

from dataclasses import astuple, dataclass

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRecord:
    """One record (fields and units as in migration 0002)."""

    device_id: str
    registration: int
    number: int
    variant: int = 0
    uid: int
    method: int
    event: int
    detail: int
    time: int
    boot_time: int
    gateway_id: str
    stored: int

    @property
    def content(self) -> tuple[int, ...]:
        """Return what the lock said."""
        return (self.uid, self.method, self.event, self.detail, self.time, self.boot_time)


def last(db: Database, device_id: str, registration: int) -> int | None:
    """Return the highest extended number of a registration."""
    row = db.one(
        "SELECT max(number) AS number FROM lock_record WHERE device_id = ? AND registration = ?",
        (device_id, registration),
    )
    return None if row is None else row["number"]


def variants(db: Database, record: LockRecord) -> list[LockRecord]:
    """Return what is stored under the number of a record."""
    rows = db.all(
        "SELECT * FROM lock_record WHERE device_id = ? AND registration = ? AND number = ?",
        (record.device_id, record.registration, record.number),
    )
    return [LockRecord(**row) for row in rows]


def add(db: Database, record: LockRecord) -> None:
    """Store a record."""
    db.execute(
        "INSERT INTO lock_record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(record)
    )


def page(db: Database, device_id: str, after: tuple[int, int], limit: int) -> list[LockRecord]:
    """Return the records after a (registration, number), the oldest first."""
    rows = db.all(
        "SELECT * FROM lock_record WHERE device_id = ? AND (registration, number) > (?, ?)"
        " ORDER BY registration, number, variant LIMIT ?",
        (device_id, *after, limit),
    )
    return [LockRecord(**row) for row in rows]
