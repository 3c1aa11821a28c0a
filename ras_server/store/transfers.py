"""Offers of a lock to a new owner."""

from dataclasses import astuple, dataclass
from typing import Any

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """An offer (fields as in migration 0005)."""

    transfer_id: str
    device_id: str
    owner: str
    account: str
    created: int
    expires: int


def offer(db: Database, transfer: Transfer) -> None:
    """Store an offer; it replaces an earlier one of the same lock."""
    with db.write():
        db.execute("DELETE FROM transfer WHERE device_id = ?", (transfer.device_id,))
        db.execute("INSERT INTO transfer VALUES (?, ?, ?, ?, ?, ?)", astuple(transfer))


def of_person(db: Database, user_id: str, now: int) -> list[Transfer]:
    """Return the offers that a person made, or that were made to his account."""
    return _some(
        db,
        "(owner = ?1 OR account = (SELECT account FROM user WHERE user_id = ?1))"
        " AND expires > ?2 ORDER BY created, transfer_id LIMIT 200",
        (user_id, now),
    )


def remove(db: Database, transfer_id: str) -> None:
    """Drop an offer."""
    db.execute("DELETE FROM transfer WHERE transfer_id = ?", (transfer_id,))


def forget(db: Database, now: int) -> None:
    """Drop the offers that have run out."""
    db.execute("DELETE FROM transfer WHERE expires <= ?", (now,), durable=False)


def _some(db: Database, condition: str, parameters: tuple[Any, ...]) -> list[Transfer]:
    rows = db.all(f"SELECT * FROM transfer WHERE {condition}", parameters)  # noqa: S608 - of this module
    return [Transfer(**row) for row in rows]
