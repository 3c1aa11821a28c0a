"""The stored first answers of requests."""

from dataclasses import dataclass

from .db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The first answer to a mid; `body` is None once a secret one has expired."""

    caller: str
    mid: str
    request: bytes
    http: int
    body: bytes | None
    secret: bool
    created: int


def get(database: Database, caller: str, mid: str) -> Answer | None:
    """Return the stored answer of a caller's mid."""
    row = database.one(
        "SELECT request, http, body, secret, created FROM answer WHERE caller = ? AND mid = ?",
        (caller, mid),
    )
    if row is None:
        return None
    return Answer(
        caller=caller,
        mid=mid,
        request=row["request"],
        http=row["http"],
        body=row["body"],
        secret=bool(row["secret"]),
        created=row["created"],
    )


def add(database: Database, answer: Answer) -> None:
    """Store an answer."""
    database.execute(
        "INSERT INTO answer (caller, mid, request, http, body, secret, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            answer.caller,
            answer.mid,
            answer.request,
            answer.http,
            answer.body,
            answer.secret,
            answer.created,
        ),
    )


def forget(database: Database, *, before: int, secrets_before: int) -> None:
    """Drop the answers, and the secret bodies, that are older than the given times."""
    with database.write(durable=False):
        database.execute("DELETE FROM answer WHERE created < ?", (before,), durable=False)
        database.execute(
            "UPDATE answer SET body = NULL WHERE secret = 1 AND body IS NOT NULL AND created < ?",
            (secrets_before,),
            durable=False,
        )
