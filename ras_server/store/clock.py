"""The highest time that the server's clock showed: a clock below it is in doubt."""

from .db import Database


def mark(db: Database) -> int:
    """Return the mark (Unix time), 0 in a new database."""
    row = db.one("SELECT time FROM clock_mark")
    return 0 if row is None else int(row["time"])


def set_mark(db: Database, time: int) -> None:
    """Move the mark."""
    if not db.execute("UPDATE clock_mark SET time = ?", (time,), durable=False):
        db.execute("INSERT INTO clock_mark VALUES (?)", (time,), durable=False)
