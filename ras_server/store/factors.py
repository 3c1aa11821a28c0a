"""Second factors of users: secrets for time-based codes, recovery codes."""

from dataclasses import dataclass

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Totp:
    """The sealed secret of a user, and the step of the last code that was taken."""

    secret: bytes
    step: int


def totp(database: Database, user_id: str, *, active: bool) -> Totp | None:
    """Return the secret in use, or the one that waits for its first code."""
    row = database.one(
        "SELECT secret, step FROM totp WHERE user_id = ? AND active = ?", (user_id, active)
    )
    return None if row is None else Totp(**row)


def prepare(
    database: Database, user_id: str, secret: bytes, codes: list[bytes], created: int
) -> None:
    """Store a sealed secret and the hashes of recovery codes; they wait for the first code."""
    with database.write():
        _remove(database, user_id, active=False)
        database.execute(
            "INSERT INTO totp (user_id, active, secret, created) VALUES (?, 0, ?, ?)",
            (user_id, secret, created),
        )
        _add_codes(database, user_id, codes, active=False)


def activate(database: Database, user_id: str, step: int) -> None:
    """Use what waits, instead of what was used before."""
    with database.write():
        _remove(database, user_id, active=True)
        database.execute(
            "UPDATE totp SET active = 1, step = ? WHERE user_id = ? AND active = 0",
            (step, user_id),
        )
        database.execute(
            "UPDATE recovery_code SET active = 1 WHERE user_id = ? AND active = 0", (user_id,)
        )


def set_step(database: Database, user_id: str, step: int) -> None:
    """Store the step of a code that was taken: neither it nor one before comes again."""
    database.execute("UPDATE totp SET step = ? WHERE user_id = ? AND active = 1", (step, user_id))


def replace_codes(database: Database, user_id: str, codes: list[bytes]) -> None:
    """Store other recovery codes instead of those in use."""
    with database.write():
        database.execute("DELETE FROM recovery_code WHERE user_id = ? AND active = 1", (user_id,))
        _add_codes(database, user_id, codes, active=True)


def codes_left(database: Database, user_id: str) -> int:
    """Return how many recovery codes a user has."""
    row = database.one(
        "SELECT count(*) AS number FROM recovery_code WHERE user_id = ? AND active = 1",
        (user_id,),
    )
    return 0 if row is None else row["number"]


def use_code(database: Database, user_id: str, code: bytes) -> bool:
    """Use up the recovery code with this hash; False if there is none."""
    used = database.execute(
        "DELETE FROM recovery_code WHERE user_id = ? AND active = 1 AND hash = ?", (user_id, code)
    )
    return used == 1


def remove(database: Database, user_id: str) -> bool:
    """Remove secrets and recovery codes of a user; False if none was in use."""
    with database.write():
        _remove(database, user_id, active=False)
        return _remove(database, user_id, active=True)


def _remove(database: Database, user_id: str, *, active: bool) -> bool:
    database.execute(
        "DELETE FROM recovery_code WHERE user_id = ? AND active = ?", (user_id, active)
    )
    removed = database.execute(
        "DELETE FROM totp WHERE user_id = ? AND active = ?", (user_id, active)
    )
    return removed == 1


def _add_codes(database: Database, user_id: str, codes: list[bytes], *, active: bool) -> None:
    for code in codes:
        database.execute(
            "INSERT INTO recovery_code (user_id, active, hash) VALUES (?, ?, ?)",
            (user_id, active, code),
        )
