"""Gateways that manage access for their owner, and what each of them gave."""

from .db import Database


def allow(db: Database, gateway_id: str, at: int) -> None:
    """Let a gateway manage access."""
    db.execute("INSERT OR IGNORE INTO manager VALUES (?, ?)", (gateway_id, at))


def withdraw(db: Database, gateway_id: str) -> None:
    """Let a gateway manage access no more, and forget what it gave."""
    db.execute("DELETE FROM manager WHERE gateway_id = ?", (gateway_id,))


def is_manager(db: Database, gateway_id: str) -> bool:
    """Return whether a gateway may manage access."""
    return db.one("SELECT 1 FROM manager WHERE gateway_id = ?", (gateway_id,)) is not None


def note(db: Database, gateway_id: str, object_: str, device_id: str) -> None:
    """Remember that a gateway gave a grant or a code."""
    db.execute("INSERT OR IGNORE INTO managed VALUES (?, ?, ?)", (object_, gateway_id, device_id))


def giver(db: Database, object_: str) -> str | None:
    """Return the gateway that gave a grant or a code, if it was one."""
    row = db.one("SELECT gateway_id FROM managed WHERE object = ?", (object_,))
    return None if row is None else str(row["gateway_id"])


def given(db: Database, gateway_id: str) -> list[tuple[str, str]]:
    """Return what a gateway gave: grants and codes, each with its device."""
    rows = db.all("SELECT object, device_id FROM managed WHERE gateway_id = ?", (gateway_id,))
    return [(row["object"], row["device_id"]) for row in rows]
