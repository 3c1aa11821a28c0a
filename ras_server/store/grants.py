"""Grants: who else may use a lock."""

from dataclasses import dataclass
from typing import Any

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the owner of a lock allows a person (fields and units as in migration 0002).

    `user_id` is missing as long as the person of `account` is not registered.
    """

    grant_id: str
    device_id: str
    user_id: str | None
    account: str | None
    uid: int
    rights: int
    start: int | None
    until: int | None
    notify: int
    revoked: int | None = None
    created: int
    rev: int = 1


_COLUMNS = (
    "grant_id, device_id, user_id, account, uid, rights, start, until, notify, revoked, created,"
    " rev"
)
_OF_PERSON = "(user_id = ?1 OR account = (SELECT account FROM user WHERE user_id = ?1))"


def add(db: Database, grant: Grant) -> None:
    """Store a new grant."""
    db.execute(
        f"INSERT INTO access_grant ({_COLUMNS}) VALUES"  # noqa: S608 - columns of this module
        " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            grant.grant_id,
            grant.device_id,
            grant.user_id,
            grant.account,
            grant.uid,
            grant.rights,
            grant.start,
            grant.until,
            grant.notify,
            grant.revoked,
            grant.created,
            grant.rev,
        ),
    )


def get(db: Database, grant_id: str) -> Grant | None:
    """Return a grant."""
    found = _grants(db, "grant_id = ?", (grant_id,))
    return found[0] if found else None


def of_device(db: Database, device_id: str, after: tuple[int, str], limit: int) -> list[Grant]:
    """Return a page of the grants of a lock, the oldest first."""
    return _grants(
        db,
        "device_id = ? AND (created, grant_id) > (?, ?) ORDER BY created, grant_id LIMIT ?",
        (device_id, *after, limit),
    )


def of_person(db: Database, device_id: str, user_id: str) -> list[Grant]:
    """Return the grants of a person for a lock, the newest last."""
    return _grants(
        db, f"{_OF_PERSON} AND device_id = ?2 ORDER BY created, grant_id", (user_id, device_id)
    )


def is_of(db: Database, grant_id: str, user_id: str) -> bool:
    """Return whether a grant is given to a person."""
    return bool(_grants(db, f"{_OF_PERSON} AND grant_id = ?2", (user_id, grant_id)))


def holders(db: Database, device_id: str, now: int) -> list[str]:
    """Return the registered persons who hold a live grant for a lock."""
    rows = db.all(
        "SELECT DISTINCT user.user_id FROM access_grant JOIN user"
        " ON access_grant.user_id = user.user_id OR access_grant.account = user.account"
        " WHERE device_id = ?1 AND revoked IS NULL AND (until IS NULL OR until > ?2)",
        (device_id, now),
    )
    return [row["user_id"] for row in rows]


def revoke(db: Database, grant_id: str, now: int) -> bool:
    """Revoke a grant; False if it was revoked before."""
    return bool(
        db.execute(
            "UPDATE access_grant SET revoked = ?, rev = rev + 1"
            " WHERE grant_id = ? AND revoked IS NULL",
            (now, grant_id),
        )
    )


def _grants(db: Database, condition: str, parameters: tuple[Any, ...]) -> list[Grant]:
    rows = db.all(
        f"SELECT {_COLUMNS} FROM access_grant WHERE {condition}",  # noqa: S608 - of this module
        parameters,
    )
    return [Grant(**row) for row in rows]
