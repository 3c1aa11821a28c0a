"""How often something was tried wrongly; what was tried is known by its HMAC only."""

from dataclasses import dataclass

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """Wrong tries since the first one; no other before `until` (Unix times)."""

    wrong: int
    first: int
    until: int


def get(database: Database, key: bytes) -> Tries | None:
    """Return the wrong tries of a key."""
    row = database.one("SELECT wrong, first, until FROM wrong_tries WHERE key = ?", (key,))
    return None if row is None else Tries(**row)


def put(database: Database, key: bytes, tries: Tries) -> None:
    """Store the wrong tries of a key."""
    database.execute(
        "INSERT OR REPLACE INTO wrong_tries (key, wrong, first, until) VALUES (?, ?, ?, ?)",
        (key, tries.wrong, tries.first, tries.until),
        durable=False,
    )


def remove(database: Database, key: bytes) -> None:
    """Forget the wrong tries of a key."""
    database.execute("DELETE FROM wrong_tries WHERE key = ?", (key,))


def forget(database: Database, before: int) -> None:
    """Drop what was first tried before a time."""
    database.execute("DELETE FROM wrong_tries WHERE first < ?", (before,), durable=False)
