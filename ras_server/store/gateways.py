"""Gateways (BGW); of a gateway's secret only its SHA-256 is known."""

from dataclasses import dataclass

from .db import Database, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway of a user; `kind` is `home_assistant`, `phone` or `device`."""

    gateway_id: str
    user_id: str
    name: str
    kind: str
    version: str
    secret: bytes
    created: int
    old_secret: bytes | None = None
    old_secret_until: int = 0
    last_seen: int | None = None
    rev: int = 1


_GATEWAY = (
    "SELECT gateway_id, user_id, name, kind, version, secret, old_secret, old_secret_until,"
    " created, last_seen, rev FROM gateway"
)


def add(database: Database, gateway: Gateway) -> None:
    """Store a new gateway."""
    database.execute(
        "INSERT INTO gateway (gateway_id, user_id, name, kind, version, secret, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            gateway.gateway_id,
            gateway.user_id,
            gateway.name,
            gateway.kind,
            gateway.version,
            gateway.secret,
            gateway.created,
        ),
    )


def get(database: Database, gateway_id: str) -> Gateway | None:
    """Return a gateway."""
    row = database.one(f"{_GATEWAY} WHERE gateway_id = ?", (gateway_id,))
    return None if row is None else _gateway(row)


def of_user(database: Database, user_id: str, after: tuple[int, str], limit: int) -> list[Gateway]:
    """Return a page of the gateways of a user, the oldest first."""
    rows = database.all(
        f"{_GATEWAY} WHERE user_id = ? AND (created, gateway_id) > (?, ?)"
        " ORDER BY created, gateway_id LIMIT ?",
        (user_id, *after, limit),
    )
    return [_gateway(row) for row in rows]


def all_of_user(database: Database, user_id: str) -> list[Gateway]:
    """Return all gateways of a user."""
    rows = database.all(f"{_GATEWAY} WHERE user_id = ?", (user_id,))
    return [_gateway(row) for row in rows]


def reached(database: Database, gateway: Gateway) -> list[str]:
    """Return the ids of the locks of which a gateway may ever have had something."""
    rows = database.all(
        "SELECT device_id FROM device WHERE owner = ?1 UNION SELECT device_id FROM access_grant"
        " JOIN holder USING (grant_id) WHERE holder.user_id = ?1 UNION SELECT device_id"
        " FROM site_device JOIN site_gateway USING (site_id) WHERE gateway_id = ?2"
        " UNION SELECT device_id FROM access_grant WHERE gateway_id = ?2",
        (gateway.user_id, gateway.gateway_id),
    )
    return [row["device_id"] for row in rows]


def _gateway(row: Row) -> Gateway:
    return Gateway(**row)


def set_description(database: Database, gateway: Gateway) -> bool:
    """Store name and version of a gateway; False if it was changed in the meantime."""
    changed = database.execute(
        "UPDATE gateway SET name = ?, version = ?, rev = rev + 1 WHERE gateway_id = ? AND rev = ?",
        (gateway.name, gateway.version, gateway.gateway_id, gateway.rev),
    )
    return changed == 1


def rotate(database: Database, gateway_id: str, secret: bytes, old_until: int) -> None:
    """Store a new secret; the one before works until a time."""
    database.execute(
        "UPDATE gateway SET old_secret = secret, old_secret_until = ?, secret = ?"
        " WHERE gateway_id = ?",
        (old_until, secret, gateway_id),
    )


def end_secrets(database: Database, user_id: str) -> None:
    """End the secrets of all gateways of a user; they have to be rotated by him."""
    database.execute(
        "UPDATE gateway SET secret = x'', old_secret = NULL WHERE user_id = ?", (user_id,)
    )


def seen(database: Database, gateway_id: str, at: int) -> None:
    """Store when a gateway was last there."""
    database.execute(
        "UPDATE gateway SET last_seen = ? WHERE gateway_id = ?", (at, gateway_id), durable=False
    )


def remove(database: Database, gateway_id: str) -> None:
    """Remove a gateway with its logins."""
    database.execute("DELETE FROM gateway WHERE gateway_id = ?", (gateway_id,))
