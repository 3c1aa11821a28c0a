"""The audit: the hash chain and its canonical form."""

import sqlite3

import pytest

from ras_server.application.audit import START, AuditLog, canonical, chained
from ras_server.store.db import Database

ENTRY_1 = {
    "action": "access.unlock",
    "actor": "user:u-7f3a",
    "detail": {"gateway": "gw:g-1", "grant": "gr-1", "mid": "01JD8Z0000000000000000000A"},
    "n": 1,
    "node": "n1",
    "object": "dev:A1B2C3D4E5F6",
    "result": 0,
    "ts": 1795000000,
}
ENTRY_2 = {
    "action": "access.unlock",
    "actor": "user:u-9c1e",
    "detail": {"channel": "voice"},
    "n": 2,
    "node": "n1",
    "object": "dev:A1B2C3D4E5F6",
    "result": 3002,
    "ts": 1795000001,
}
HASH_1 = "78d5044cfccd21b4f056d0d0b3e932b002fef4a1ac1d4cbf767af5354af8f233"
HASH_2 = "6e431d91e58b8e14c8b0c529796de167e580ad032ff33fb1cb249ffecc11b7a9"


class Clock:
    """A clock that the test moves."""

    now = 1795000000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def database() -> Database:
    """Return an empty database."""
    return Database()


@pytest.fixture
def log(database: Database) -> AuditLog:
    """Return an audit with the two entries of the description."""
    clock = Clock()
    log = AuditLog(database, clock, "n1")
    for entry in (ENTRY_1, ENTRY_2):
        clock.now = float(str(entry["ts"]))
        log.append(
            str(entry["action"]),
            str(entry["actor"]),
            str(entry["object"]),
            result=int(str(entry["result"])),
            detail=entry["detail"],  # type: ignore[arg-type]  # the examples are mixed
        )
    return log


def test_examples(log: AuditLog) -> None:
    """The two entries of the description have its two hashes."""
    first = chained(START, canonical(ENTRY_1))

    assert first.hex() == HASH_1
    assert log.head.hash.hex() == HASH_2
    assert log.verify() is None


def test_continues(database: Database, log: AuditLog) -> None:
    """A log that is opened again goes on where it ended."""
    again = AuditLog(database, Clock(), "n1")

    assert again.head == log.head
    assert again.append("x", "ras:n1", "ras:n1") == 3
    assert again.verify() is None


def test_rolled_back(database: Database, log: AuditLog) -> None:
    """An entry of a transaction that failed is gone, and the chain has no gap."""

    def fail() -> None:
        with database.write():
            log.append("x", "ras:n1", "ras:n1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert log.append("y", "ras:n1", "ras:n1") == 3
    assert log.verify() is None


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        pytest.param("UPDATE audit SET entry = replace(entry, '9c1e', '7f3a')", 2, id="edit"),
        pytest.param("DELETE FROM audit WHERE n = 1", 1, id="delete"),
        pytest.param("UPDATE audit SET hash = zeroblob(32) WHERE n = 2", 2, id="hash"),
        pytest.param(
            "UPDATE audit SET entry = replace(entry, ',', ', ') WHERE n = 1", 1, id="white space"
        ),
        pytest.param("UPDATE audit SET n = CASE n WHEN 1 THEN 4 ELSE n END", 1, id="order"),
    ],
)
def test_rewritten_past(database: Database, log: AuditLog, statement: str, bad: int) -> None:
    """A past that was rewritten shows, and the first bad entry is named."""
    for trigger in ("audit_update", "audit_delete"):
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(statement)

    assert log.verify() == bad


def test_cut_tail(database: Database, log: AuditLog) -> None:
    """A tail that was cut shows to whoever kept the head."""
    head = log.head
    database.execute("DROP TRIGGER audit_delete")
    database.execute("DELETE FROM audit WHERE n = 2")

    assert log.verify(to=head.n) == 2
    assert log.verify(after=head.n, previous=head.hash) == 2


@pytest.mark.parametrize("statement", ["UPDATE audit SET n = 7", "DELETE FROM audit"])
def test_append_only(database: Database, log: AuditLog, statement: str) -> None:
    """The database itself refuses to change or delete an entry."""
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(statement)

    assert log.verify() is None


@pytest.mark.parametrize(
    "detail",
    [
        pytest.param({"a": 1.5}, id="float"),
        pytest.param({"a": "b\n"}, id="control character"),
        pytest.param({"a": [b"x"]}, id="bytes"),
    ],
)
def test_not_canonical(detail: dict[str, object]) -> None:
    """What has no canonical form is refused."""
    with pytest.raises(ValueError, match="in the audit"):
        canonical({"detail": detail})


def test_normal_form() -> None:
    """Strings are in NFC, keys sorted by code point, and only two characters escaped."""
    text = canonical({"b": "e\u0301", "B": 'a"\\', "é": {"z": 1, "a": 2}})

    assert text.decode() == '{"B":"a\\"\\\\","b":"\u00e9","é":{"a":2,"z":1}}'
