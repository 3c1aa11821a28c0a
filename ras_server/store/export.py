"""Everything the database holds about one user, but no secret and no hash of one."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
import sqlite3
from typing import Any, Final

PARTS: Final[Mapping[str, str]] = {
    "user": "SELECT user_id, account_type, account, display_name, locale, created, locked, rev"
    " FROM user WHERE user_id = :user",
    "totp": "SELECT created, active FROM totp WHERE user_id = :user",
    "recovery_codes": "SELECT count(*) AS left FROM recovery_code"
    " WHERE user_id = :user AND active = 1",
    "verifications": "SELECT purpose, verification.created, expires, used, wrong"
    " FROM verification JOIN user USING (account) WHERE user_id = :user",
    "sessions": "SELECT session_id, gateway_id, client, login_at, expires FROM session"
    " WHERE user_id = :user",
    "trusted_clients": "SELECT trust_id, client, created, expires FROM trust WHERE user_id = :user",
    "gateways": "SELECT gateway_id, name, kind, version, created, last_seen FROM gateway"
    " WHERE user_id = :user",
    "devices": "SELECT device_id, name, state, shadow, created FROM device WHERE owner = :user",
    "lock_users": "SELECT device_id, uid, lock_row, rights, grant_id, wanted, synced"
    " FROM lock_user WHERE user_id = :user",
    "grants": "SELECT grant_id, device_id, gateway_id, uid, rights, start, until, schedule,"
    " policy, uses_max, uses_spent, pin IS NOT NULL AS has_pin, second_person, member, notify,"
    " revoked, created FROM access_grant JOIN held USING (grant_id) WHERE held.user_id = :user",
    "grant_uses": "SELECT grant_id, command, at, result, returned FROM grant_use"
    " JOIN held USING (grant_id) WHERE held.user_id = :user",
    "sites": "SELECT site_id, name, lockdown, fence, created FROM site WHERE owner = :user",
    "households": "SELECT site_id, role, site_person.created FROM site_person JOIN user"
    " ON user.user_id = site_person.user_id OR user.account = site_person.account"
    " WHERE user.user_id = :user",
    "log": "SELECT device_id, number, lock_record.uid, method, event, detail, time"
    " FROM lock_record LEFT JOIN lock_user USING (device_id, uid)"
    " WHERE lock_user.user_id = :user OR (device_id, lock_record.uid) IN (SELECT device_id, uid"
    " FROM given_uid JOIN held USING (grant_id) WHERE held.user_id = :user)",
    "messages": "SELECT created, envelope FROM message WHERE address = 'user:' || :user",
    "audit": "SELECT n, entry FROM audit WHERE entry ->> 'actor' = 'user:' || :user"
    " OR entry ->> 'object' = 'user:' || :user",
}
"""A statement for each part; `:user` is the user's identifier."""


def export(path: Path, user_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return all parts, as they are at one moment; takes long, so call it in a thread."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return {
            name: [_plain(row) for row in connection.execute(statement, {"user": user_id})]
            for name, statement in PARTS.items()
        }


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    return {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in zip(row.keys(), row, strict=True)
    }
