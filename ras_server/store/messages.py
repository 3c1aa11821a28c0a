"""The outbox: what each receiver was sent in the last 7 days, in the order of its numbers."""

from .db import Database, Row


def next_seq(database: Database, address: str) -> int:
    """Return the next number of a receiver; it is never given again."""
    row = database.insert(
        "INSERT INTO receiver (address, seq) VALUES (?, 1)"
        " ON CONFLICT (address) DO UPDATE SET seq = seq + 1 RETURNING seq",
        (address,),
        durable=False,
    )
    return int(row["seq"])


def add(database: Database, address: str, seq: int, created: int, envelope: bytes) -> None:
    """Store an envelope for a receiver."""
    database.execute(
        "INSERT INTO message (address, seq, created, envelope) VALUES (?, ?, ?, ?)",
        (address, seq, created, envelope),
        durable=False,
    )


def last_seq(database: Database, address: str) -> int:
    """Return the number of the last message for a receiver, 0 if there was none."""
    row = database.one("SELECT seq FROM receiver WHERE address = ?", (address,))
    return 0 if row is None else int(row["seq"])


def first_seq(database: Database, address: str) -> int | None:
    """Return the number of the oldest message that is kept for a receiver."""
    row = database.one("SELECT min(seq) AS seq FROM message WHERE address = ?", (address,))
    return None if row is None else row["seq"]


def after(database: Database, address: str, seq: int, limit: int) -> list[tuple[int, bytes]]:
    """Return the next messages after a number."""
    rows: list[Row] = database.all(
        "SELECT seq, envelope FROM message WHERE address = ? AND seq > ? ORDER BY seq LIMIT ?",
        (address, seq, limit),
    )
    return [(row["seq"], row["envelope"]) for row in rows]


def forget(database: Database, before: int) -> None:
    """Drop the messages that are older than a time."""
    database.execute("DELETE FROM message WHERE created < ?", (before,), durable=False)
