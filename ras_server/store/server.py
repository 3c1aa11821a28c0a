"""What the server knows about itself."""

from .db import Database


def identity(database: Database, new: str) -> str:
    """Return the identifier of this server; a new database keeps the given one."""
    row = database.one("SELECT server_id FROM server")
    if row is None:
        database.execute("INSERT INTO server (server_id) VALUES (?)", (new,))
        return new
    server_id: str = row["server_id"]
    return server_id
