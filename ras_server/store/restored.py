"""What is done to the rows of a restored database before a server opens it."""

from typing import Final

from . import grants
from .db import Database

_PAST: Final = 1 << 20
"""So far the numbers of messages go on: a client that knows a later one reads its lists again."""

_LOGINS: Final = ("token", "session", "trust", "answer", "message", "verification", "transfer")


def forget_logins(db: Database) -> None:
    """Drop all tokens and everything that is on its way."""
    for table in _LOGINS:
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of this module
    db.execute("UPDATE receiver SET seq = seq + ?", (_PAST,))


def all_devices(db: Database) -> list[str]:
    """Return the ids of all devices that belong to somebody."""
    return [row["device_id"] for row in db.all("SELECT device_id FROM device WHERE owner NOT NULL")]


def knows_user(db: Database, user_id: str) -> bool:
    """Return whether there is such a person."""
    return db.one("SELECT 1 FROM user WHERE user_id = ?", (user_id,)) is not None


def end_grant(db: Database, grant_id: str, at: int) -> None:
    """Revoke a grant; its row at the lock is to be deleted, unless another one shares it."""
    grants.revoke(db, grant_id, at)
    db.execute(
        "UPDATE lock_user SET wanted = 0, synced = 0 WHERE grant_id NOT NULL AND (device_id, uid)"
        " IN (SELECT device_id, uid FROM access_grant WHERE grant_id = ?) AND NOT EXISTS (SELECT 1"
        " FROM access_grant AS held WHERE revoked IS NULL AND held.device_id = lock_user.device_id"
        " AND held.uid = lock_user.uid)",
        (grant_id,),
    )


def end_secret(db: Database, gateway_id: str) -> None:
    """Let a gateway's secret work no more."""
    db.execute(
        "UPDATE gateway SET secret = x'', old_secret = NULL WHERE gateway_id = ?", (gateway_id,)
    )


def spend_uses(db: Database) -> None:
    """Count the uses of every grant that has a number of them as spent: who knows how many are."""
    db.execute("UPDATE access_grant SET uses_spent = uses_max WHERE uses_max NOT NULL")


def set_lost(db: Database, device_id: str, at: int | None) -> None:
    """Count a lock as lost since a time (Unix seconds), or as found."""
    db.execute("UPDATE device SET lost = ? WHERE device_id = ?", (at, device_id))


def lock_down(db: Database, site_id: str, lockdown: int) -> None:
    """Switch the lockdown of a site."""
    db.execute("UPDATE site SET lockdown = ? WHERE site_id = ?", (lockdown, site_id))


def fence(db: Database, site_id: str, text: str | None) -> None:
    """Set the geofence of a site, as JSON."""
    db.execute("UPDATE site SET fence = ? WHERE site_id = ?", (text, site_id))


def change_row(db: Database, device_id: str, uid: int, *, rights: int) -> None:
    """Have a row written to the lock with these rights."""
    db.execute(
        "UPDATE lock_user SET rights = ?, synced = 0 WHERE device_id = ? AND uid = ?",
        (rights, device_id, uid),
    )


def write_row(db: Database, grant_id: str) -> None:
    """Have the row of a grant written again: its user account ID was another one for a while."""
    db.execute("UPDATE lock_user SET synced = 0 WHERE grant_id = ? AND wanted = 1", (grant_id,))


def delete_row(db: Database, device_id: str, uid: int) -> None:
    """Have a row deleted at the lock."""
    db.execute(
        "UPDATE lock_user SET wanted = 0, synced = 0 WHERE device_id = ? AND uid = ?",
        (device_id, uid),
    )


def want_epoch(db: Database, device_id: str, epoch: int) -> None:
    """Have an epoch raised at least to this one."""
    db.execute(
        "UPDATE device SET epoch_wanted = max(epoch_wanted, ?) WHERE device_id = ?",
        (epoch, device_id),
    )
