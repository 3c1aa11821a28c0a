"""Grants: who else may use a lock, and each use of it."""

from dataclasses import dataclass, field, fields
from typing import Any

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the owner of a lock allows a person (fields as in migrations 0002, 0004, 0010, 0011).

    `user_id` is missing as long as the person of `account` is not registered, for a guest who has a
    `link` (SHA-256 of its token) instead, and for a gateway that is the holder itself. `met` says
    that the holder has asked for the lock: before that the owner is not told whether an account is
    registered. `person_id` is set for what came with a household.
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
    name: str = ""
    link: bytes | None = field(default=None, repr=False)
    met: int = 0
    schedule: str | None = None
    policy: str | None = None
    pin: bytes | None = field(default=None, repr=False)
    pin_wrong: int = 0
    pin_until: int = 0
    uses_max: int | None = None
    uses_spent: int = 0
    person_id: str | None = None
    member: int = 0
    second_person: int = 0
    gateway_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a grant: what for, when, how it ended (code), whether it counts."""

    use_id: str
    grant_id: str
    command: str
    at: int
    result: int | None = None
    returned: int = 0


_NAMES = tuple(each.name for each in fields(Grant))
_COLUMNS = ", ".join(_NAMES)
_TERMS = (
    *("uid", "rights", "start", "until", "notify"),
    *("schedule", "policy", "pin", "uses_max", "second_person"),
)
_OF_OWNER = (
    "(revoked IS NULL OR max(revoked - 1, created) >= (SELECT registration FROM device"
    " WHERE device.device_id = access_grant.device_id))"
)
"""Given by the present owner: what there was before was revoked when the lock became his."""
_LIVE = "revoked IS NULL AND coalesce(until, 0x100000000) > ?1"
_OF_PERSON = "(user_id = ?1 OR account = (SELECT account FROM user WHERE user_id = ?1))"


def add(db: Database, grant: Grant) -> None:
    """Store a new grant."""
    db.execute(
        f"INSERT INTO access_grant ({_COLUMNS})"  # noqa: S608 - columns of this module
        f" VALUES ({', '.join('?' * len(_NAMES))})",
        [getattr(grant, name) for name in _NAMES],
    )


def save(db: Database, grant: Grant) -> bool:
    """Store changed terms; False if the grant was changed in the meantime."""
    changed = db.execute(
        f"UPDATE access_grant SET {', '.join(f'{name} = ?' for name in _TERMS)},"  # noqa: S608 - the same
        " rev = rev + 1 WHERE grant_id = ? AND rev = ?",
        [*(getattr(grant, name) for name in _TERMS), grant.grant_id, grant.rev],
    )
    return changed == 1


def get(db: Database, grant_id: str) -> Grant | None:
    """Return a grant."""
    found = _grants(db, "grant_id = ?", (grant_id,))
    return found[0] if found else None


def of_device(db: Database, device_id: str, after: tuple[int, str], limit: int) -> list[Grant]:
    """Return a page of the grants of a lock by its owner, the oldest first."""
    return _grants(
        db,
        f"device_id = ? AND {_OF_OWNER} AND (created, grant_id) > (?, ?)"
        " ORDER BY created, grant_id LIMIT ?",
        (device_id, *after, limit),
    )


def of_person(db: Database, device_id: str, user_id: str) -> list[Grant]:
    """Return the grants of a person for a lock, the newest last."""
    return _grants(
        db, f"{_OF_PERSON} AND device_id = ?2 ORDER BY created, grant_id", (user_id, device_id)
    )


def of_gateway(db: Database, device_id: str, gateway_id: str) -> list[Grant]:
    """Return the grants of a gateway itself for a lock, the newest last."""
    return _grants(
        db, "gateway_id = ? AND device_id = ? ORDER BY created, grant_id", (gateway_id, device_id)
    )


def of_link(db: Database, link: bytes) -> Grant | None:
    """Return the grant of a guest's token, whose SHA-256 is given."""
    found = _grants(db, "link = ?", (link,))
    return found[0] if found else None


def live_of_device(db: Database, device_id: str, now: int) -> list[Grant]:
    """Return the grants of a lock that are not revoked and have not ended."""
    return _grants(db, f"device_id = ?2 AND {_LIVE}", (now, device_id))


def live_of_uid(db: Database, device_id: str, uid: int, now: int) -> list[Grant]:
    """Return the live grants that a row of a lock is for: one, or links that share it."""
    return [grant for grant in live_of_device(db, device_id, now) if grant.uid == uid]


def held(db: Database, device_id: str, now: int) -> dict[str, int]:
    """Return the live grants of a lock with their user account IDs."""
    rows = db.all(
        f"SELECT grant_id, uid FROM access_grant WHERE device_id = ?2 AND {_LIVE}",  # noqa: S608 - of this module
        (now, device_id),
    )
    return {row["grant_id"]: row["uid"] for row in rows}


def outlived(db: Database, now: int, limit: int) -> list[str]:
    """Return locks that still have a row or a code which no live grant is the reason for."""
    rows = db.all(
        "SELECT device_id FROM lock_user WHERE wanted AND grant_id NOT NULL"  # noqa: S608 - of this module
        f" AND NOT EXISTS (SELECT 1 FROM access_grant AS held WHERE {_LIVE}"
        " AND held.device_id = lock_user.device_id AND held.uid = lock_user.uid)"
        " UNION SELECT device_id FROM keypad_code WHERE grant_id NOT NULL"
        f" AND NOT (cancelled OR used) AND NOT EXISTS (SELECT 1 FROM access_grant AS held"
        f" WHERE {_LIVE} AND held.grant_id = keypad_code.grant_id) LIMIT ?2",
        (now, limit),
    )
    return [row["device_id"] for row in rows]


def live_of_user(db: Database, user_id: str) -> list[Grant]:
    """Return the grants of a person that are not revoked, also those given to his account."""
    return _grants(db, f"{_OF_PERSON} AND revoked IS NULL", (user_id,))


def live_of_gateway(db: Database, gateway_id: str) -> list[Grant]:
    """Return the grants of a gateway itself that are not revoked."""
    return _grants(db, "gateway_id = ? AND revoked IS NULL", (gateway_id,))


def live_of_household(db: Database, person_id: str) -> list[Grant]:
    """Return the grants that a person of a household has with it."""
    return _grants(db, "person_id = ? AND revoked IS NULL", (person_id,))


def meet(db: Database, grant_id: str) -> None:
    """Note that the holder of a grant has asked for its lock."""
    db.execute("UPDATE access_grant SET met = 1 WHERE grant_id = ?", (grant_id,), durable=False)


def people(db: Database, owner: str, now: int) -> list[tuple[str, str, bool, str]]:
    """Return who came with a live grant for a lock of an owner: user, name, member, lock."""
    rows = db.all(
        "SELECT user.user_id, user.display_name, max(member) AS member, access_grant.device_id"
        " FROM device JOIN access_grant USING (device_id) JOIN holder USING (grant_id)"
        " JOIN user ON user.user_id = holder.user_id WHERE device.owner = ?1 AND met"
        " AND revoked IS NULL AND (until IS NULL OR until > ?2)"
        " GROUP BY user.user_id, access_grant.device_id"
        " ORDER BY user.user_id, access_grant.device_id",
        (owner, now),
    )
    return [
        (row["user_id"], row["display_name"], bool(row["member"]), row["device_id"]) for row in rows
    ]


def set_pin_tries(db: Database, grant_id: str, wrong: int, until: int) -> None:
    """Store how many PINs were wrong in a row, and before when no other is looked at."""
    db.execute(
        "UPDATE access_grant SET pin_wrong = ?, pin_until = ? WHERE grant_id = ?",
        (wrong, until, grant_id),
    )


def reserve(db: Database, use: Use) -> bool:
    """Count a use of a grant; False if none is left."""
    with db.write():
        counted = db.execute(
            "UPDATE access_grant SET uses_spent = uses_spent + 1 WHERE grant_id = ?"
            " AND (uses_max IS NULL OR uses_spent < uses_max)",
            (use.grant_id,),
        )
        if counted:
            db.execute(
                "INSERT INTO grant_use (use_id, grant_id, command, at) VALUES (?, ?, ?, ?)",
                (use.use_id, use.grant_id, use.command, use.at),
            )
    return bool(counted)


def settle(db: Database, use_id: str, result: int, *, returned: bool) -> None:
    """Store how a use ended; what was not done is given back."""
    with db.write():
        settled = db.execute(
            "UPDATE grant_use SET result = ?, returned = ? WHERE use_id = ? AND result IS NULL",
            (result, returned, use_id),
        )
        if settled and returned:
            db.execute(
                "UPDATE access_grant SET uses_spent = uses_spent - 1 WHERE grant_id ="
                " (SELECT grant_id FROM grant_use WHERE use_id = ?)",
                (use_id,),
            )


def uses(db: Database, grant_id: str, after: tuple[int, str], limit: int) -> list[Use]:
    """Return a page of the uses of a grant, the oldest first."""
    rows = db.all(
        "SELECT use_id, grant_id, command, at, result, returned FROM grant_use"
        " WHERE grant_id = ? AND (at, use_id) > (?, ?) ORDER BY at, use_id LIMIT ?",
        (grant_id, *after, limit),
    )
    return [Use(**row) for row in rows]


def is_of_owner(db: Database, grant_id: str) -> bool:
    """Return whether a grant was given by the present owner of its lock."""
    return bool(_grants(db, f"{_OF_OWNER} AND grant_id = ?", (grant_id,)))


def is_of(db: Database, grant_id: str, user_id: str) -> bool:
    """Return whether a grant is given to a person."""
    return bool(_grants(db, f"{_OF_PERSON} AND grant_id = ?2", (user_id, grant_id)))


def name_uid(db: Database, grant: Grant) -> None:
    """Note for ever which grant a user account ID was given for."""
    db.execute(
        "UPDATE given_uid SET grant_id = ? WHERE device_id = ? AND uid = ?",
        (grant.grant_id, grant.device_id, grant.uid),
    )


def holder(db: Database, device_id: str, uid: int) -> str | None:
    """Return the person behind a user account ID of a lock, also if his grant has ended."""
    row = db.one(
        "SELECT user_id FROM given_uid JOIN holder USING (grant_id)"
        " WHERE device_id = ? AND uid = ?",
        (device_id, uid),
    )
    return None if row is None else str(row["user_id"])


def holder_of(db: Database, grant_id: str) -> str | None:
    """Return the person who holds a grant, also if it has ended."""
    row = db.one("SELECT user_id FROM holder WHERE grant_id = ?", (grant_id,))
    return None if row is None else str(row["user_id"])


def holders(db: Database, device_id: str, now: int) -> list[str]:
    """Return the registered persons who hold a live grant for a lock."""
    rows = db.all(
        "SELECT DISTINCT holder.user_id FROM access_grant JOIN holder USING (grant_id)"
        " WHERE device_id = ?1 AND revoked IS NULL AND (until IS NULL OR until > ?2)",
        (device_id, now),
    )
    return [row["user_id"] for row in rows]


def holding_gateways(db: Database, device_id: str, now: int) -> list[str]:
    """Return the gateways that hold a live grant for a lock themselves."""
    rows = db.all(
        "SELECT DISTINCT gateway_id FROM access_grant WHERE gateway_id NOT NULL"
        " AND device_id = ?1 AND revoked IS NULL AND (until IS NULL OR until > ?2)",
        (device_id, now),
    )
    return [row["gateway_id"] for row in rows]


def revoke(db: Database, grant_id: str, now: int) -> bool:
    """Revoke a grant; False if it was revoked before."""
    return bool(
        db.execute(
            "UPDATE access_grant SET revoked = ?, rev = rev + 1"
            " WHERE grant_id = ? AND revoked IS NULL",
            (now, grant_id),
        )
    )


def end_device(db: Database, device_id: str, now: int) -> None:
    """Revoke every grant of a lock that somebody else has registered."""
    db.execute(
        "UPDATE access_grant SET revoked = ?, rev = rev + 1"
        " WHERE device_id = ? AND revoked IS NULL",
        (now, device_id),
    )


def _grants(db: Database, condition: str, parameters: tuple[Any, ...]) -> list[Grant]:
    rows = db.all(
        f"SELECT {_COLUMNS} FROM access_grant WHERE {condition}",  # noqa: S608 - of this module
        parameters,
    )
    return [Grant(**row) for row in rows]
