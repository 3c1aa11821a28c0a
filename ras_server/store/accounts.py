"""Users and the codes that verify their accounts."""

from dataclasses import dataclass
import sqlite3
from typing import Any

from .db import Database, Row


@dataclass(frozen=True, slots=True)
class Account:
    """A canonical account name; `type` is `phone` (E.164) or `email` (lower-case domain)."""

    type: str
    value: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"type": self.type, "value": self.value}


class AccountTakenError(Exception):
    """Another user has this account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person; `scram` is the sealed verifier of his password."""

    user_id: str
    account: Account
    scram: bytes
    display_name: str
    locale: str
    created: int
    locked: bool = False
    rev: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A code that was sent; `code` is its HMAC, `purpose` is `register` or `reset`.

    `wrong` is how often a wrong one was given instead.
    """

    verification_id: str
    account: Account
    purpose: str
    code: bytes
    expires: int
    wrong: int = 0


_USER = (
    "SELECT user_id, account_type, account, scram, display_name, locale, created, locked, rev"
    " FROM user"
)


def add_user(database: Database, user: User) -> None:
    """Store a new user, or raise AccountTakenError."""
    try:
        database.execute(
            "INSERT INTO user"
            " (user_id, account_type, account, scram, display_name, locale, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                user.user_id,
                user.account.type,
                user.account.value,
                user.scram,
                user.display_name,
                user.locale,
                user.created,
            ),
        )
    except sqlite3.IntegrityError:
        raise AccountTakenError from None


def user(database: Database, user_id: str) -> User | None:
    """Return a user."""
    row = database.one(f"{_USER} WHERE user_id = ?", (user_id,))
    return None if row is None else _user(row)


def user_of_account(database: Database, account: Account) -> User | None:
    """Return the user of an account."""
    row = database.one(f"{_USER} WHERE account = ?", (account.value,))
    return None if row is None else _user(row)


def nearest(database: Database, user_id: str) -> User | None:
    """Return the user whose identifier is the next from this one on; None if there are no users."""
    row = database.one(f"{_USER} WHERE user_id >= ? ORDER BY user_id LIMIT 1", (user_id,))
    if row is None:
        row = database.one(f"{_USER} ORDER BY user_id LIMIT 1")
    return None if row is None else _user(row)


def users(database: Database, after: tuple[int, str], limit: int) -> list[User]:
    """Return a page of all users, the oldest first."""
    rows = database.all(
        f"{_USER} WHERE (created, user_id) > (?, ?) ORDER BY created, user_id LIMIT ?",
        (*after, limit),
    )
    return [_user(row) for row in rows]


def _user(row: Row) -> User:
    return User(
        user_id=row["user_id"],
        account=Account(row["account_type"], row["account"]),
        scram=row["scram"],
        display_name=row["display_name"],
        locale=row["locale"],
        created=row["created"],
        locked=bool(row["locked"]),
        rev=row["rev"],
    )


def set_profile(database: Database, user: User) -> bool:
    """Store the profile of a user; False if it was changed in the meantime."""
    changed = database.execute(
        "UPDATE user SET display_name = ?, locale = ?, rev = rev + 1 WHERE user_id = ? AND rev = ?",
        (user.display_name, user.locale, user.user_id, user.rev),
    )
    return changed == 1


def set_scram(database: Database, user_id: str, scram: bytes) -> None:
    """Store a new verifier."""
    database.execute("UPDATE user SET scram = ? WHERE user_id = ?", (scram, user_id))


def set_locked(database: Database, user_id: str, *, locked: bool) -> None:
    """Lock or unlock a user."""
    database.execute("UPDATE user SET locked = ? WHERE user_id = ?", (locked, user_id))


def remove_user(database: Database, user_id: str) -> None:
    """Remove a user with all logins and gateways."""
    database.execute("DELETE FROM user WHERE user_id = ?", (user_id,))


def add_verification(database: Database, verification: Verification, *, created: int) -> None:
    """Store a code that is sent."""
    database.execute(
        "INSERT INTO verification"
        " (verification_id, account_type, account, purpose, code, created, expires)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            verification.verification_id,
            verification.account.type,
            verification.account.value,
            verification.purpose,
            verification.code,
            created,
            verification.expires,
        ),
    )


def verification(database: Database, verification_id: str) -> Verification | None:
    """Return a code that was sent and not used."""
    row = database.one(
        "SELECT account_type, account, purpose, code, expires, wrong FROM verification"
        " WHERE verification_id = ? AND used = 0",
        (verification_id,),
    )
    if row is None:
        return None
    return Verification(
        verification_id=verification_id,
        account=Account(row["account_type"], row["account"]),
        purpose=row["purpose"],
        code=row["code"],
        expires=row["expires"],
        wrong=row["wrong"],
    )


def verifications_since(database: Database, account: Account, since: int) -> list[int]:
    """Return when codes were sent to an account, the oldest first."""
    rows = database.all(
        "SELECT created FROM verification WHERE account = ? AND created > ? ORDER BY created",
        (account.value, since),
    )
    return [row["created"] for row in rows]


def use_verification(database: Database, verification_id: str) -> None:
    """Use a code up; it still counts among those that were sent."""
    database.execute(
        "UPDATE verification SET used = 1 WHERE verification_id = ?", (verification_id,)
    )


def wrong_verification(database: Database, verification_id: str) -> None:
    """Count a wrong code."""
    database.execute(
        "UPDATE verification SET wrong = wrong + 1 WHERE verification_id = ?", (verification_id,)
    )


def forget_verifications(database: Database, before: int) -> None:
    """Drop the codes that were sent before a time."""
    database.execute("DELETE FROM verification WHERE created < ?", (before,), durable=False)
