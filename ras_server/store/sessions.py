"""Logins and their tokens; of a token only its SHA-256 is known."""

from dataclasses import dataclass

from .db import Database, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token with the login it belongs to."""

    session_id: str
    user_id: str
    gateway_id: str
    login_at: int
    kind: str
    expires: int
    used: bool
    answer: bytes | None
    successor: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login and everything that came from it; `gateway_id` is empty for a person's.

    `client` is what the client calls itself.
    """

    session_id: str
    user_id: str
    gateway_id: str
    login_at: int
    expires: int
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """A client that a user trusts; `hash` is that of its token."""

    hash: bytes
    trust_id: str
    user_id: str
    client: str
    created: int
    expires: int


def add(database: Database, session: Session) -> None:
    """Store a new login."""
    database.execute(
        "INSERT INTO session (session_id, user_id, gateway_id, login_at, expires, client)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            session.session_id,
            session.user_id,
            session.gateway_id or None,
            session.login_at,
            session.expires,
            session.client,
        ),
    )


def add_token(
    database: Database,
    hashed: bytes,
    session_id: str,
    kind: str,
    expires: int,
    *,
    answer: bytes | None = None,
) -> None:
    """Store a new token of a login, and let the login live as long as the token."""
    with database.write():
        database.execute(
            "INSERT INTO token (hash, session_id, kind, expires, answer) VALUES (?, ?, ?, ?, ?)",
            (hashed, session_id, kind, expires, answer),
        )
        database.execute(
            "UPDATE session SET expires = max(expires, ?) WHERE session_id = ?",
            (expires, session_id),
        )


def token(database: Database, hashed: bytes) -> Token | None:
    """Return the token with this hash, and its login."""
    row = database.one(
        "SELECT session_id, user_id, gateway_id, login_at, kind, token.expires, used, answer,"
        " successor FROM token JOIN session USING (session_id) WHERE hash = ?",
        (hashed,),
    )
    if row is None:
        return None
    return Token(
        session_id=row["session_id"],
        user_id=row["user_id"],
        gateway_id=row["gateway_id"] or "",
        login_at=row["login_at"],
        kind=row["kind"],
        expires=row["expires"],
        used=bool(row["used"]),
        answer=row["answer"],
        successor=row["successor"],
    )


def use_token(database: Database, hashed: bytes, successor: bytes | None = None) -> None:
    """Mark a refresh or fast token as used; a fast one knows which token it was used for."""
    database.execute("UPDATE token SET used = 1, successor = ? WHERE hash = ?", (successor, hashed))


def remove_token(database: Database, hashed: bytes) -> None:
    """Remove a token."""
    database.execute("DELETE FROM token WHERE hash = ?", (hashed,))


def remove_tokens(database: Database, session_id: str, kind: str) -> None:
    """Remove the tokens of one kind of a login."""
    database.execute("DELETE FROM token WHERE session_id = ? AND kind = ?", (session_id, kind))


def of_user(database: Database, user_id: str, now: int) -> list[Session]:
    """Return the live logins of a person, the oldest first."""
    rows = database.all(
        "SELECT session_id, user_id, gateway_id, login_at, expires, client FROM session"
        " WHERE user_id = ? AND gateway_id IS NULL AND expires > ? ORDER BY login_at, session_id",
        (user_id, now),
    )
    return [_session(row) for row in rows]


def _session(row: Row) -> Session:
    return Session(
        session_id=row["session_id"],
        user_id=row["user_id"],
        gateway_id=row["gateway_id"] or "",
        login_at=row["login_at"],
        expires=row["expires"],
        client=row["client"],
    )


def remove(database: Database, session_id: str) -> None:
    """End one login with all its tokens."""
    database.execute("DELETE FROM session WHERE session_id = ?", (session_id,))


def remove_of_user(database: Database, user_id: str) -> None:
    """End all logins of a person, those of his gateways as well."""
    database.execute("DELETE FROM session WHERE user_id = ?", (user_id,))


def remove_of_gateway(database: Database, gateway_id: str) -> None:
    """End all logins of a gateway."""
    database.execute("DELETE FROM session WHERE gateway_id = ?", (gateway_id,))


def forget(database: Database, now: int) -> None:
    """Drop what has expired."""
    with database.write(durable=False):
        database.execute("DELETE FROM session WHERE expires <= ?", (now,), durable=False)
        database.execute("DELETE FROM token WHERE expires <= ?", (now,), durable=False)
        database.execute("DELETE FROM trust WHERE expires <= ?", (now,), durable=False)


def add_trust(database: Database, trust: Trust) -> None:
    """Store a client that a user trusts."""
    database.execute(
        "INSERT INTO trust (hash, trust_id, user_id, client, created, expires)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (trust.hash, trust.trust_id, trust.user_id, trust.client, trust.created, trust.expires),
    )


def trust(database: Database, hashed: bytes, user_id: str, now: int) -> Trust | None:
    """Return the client with this token, if the user trusts it."""
    row = database.one(
        f"{_TRUST} WHERE hash = ? AND user_id = ? AND expires > ?", (hashed, user_id, now)
    )
    return None if row is None else Trust(**row)


def trusts(database: Database, user_id: str, now: int) -> list[Trust]:
    """Return the clients a user trusts, the oldest first."""
    rows = database.all(
        f"{_TRUST} WHERE user_id = ? AND expires > ? ORDER BY created, trust_id", (user_id, now)
    )
    return [Trust(**row) for row in rows]


def end_trust(database: Database, user_id: str, trust_id: str) -> bool:
    """Trust a client no more; False if the user did not trust it."""
    ended = database.execute(
        "DELETE FROM trust WHERE user_id = ? AND trust_id = ?", (user_id, trust_id)
    )
    return ended == 1


_TRUST = "SELECT hash, trust_id, user_id, client, created, expires FROM trust"


def remove_trust(database: Database, user_id: str) -> None:
    """Trust no client of a user any more."""
    database.execute("DELETE FROM trust WHERE user_id = ?", (user_id,))
