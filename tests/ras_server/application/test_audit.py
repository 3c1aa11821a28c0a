"""The audit: the hash chain, its canonical form, and the check that names what is wrong."""

import os
from pathlib import Path
import sqlite3

import pytest

from ras_server.application.audit import START, AuditLog, canonical, chained
from ras_server.application.audit_check import Finding, Wrong
from ras_server.store.audit_index import BY, View
from ras_server.store.db import Database
from tests.ras_server.application.chain import ENTRY_1, HASH_1, HASH_2, Clock, finding


async def test_examples(database: Database, log: AuditLog) -> None:
    """The two entries of the description have its two hashes."""
    first = chained(START, canonical(ENTRY_1))

    assert first.hex() == HASH_1
    assert log.head.hash.hex() == HASH_2
    assert await finding(database) is None


async def test_continues(database: Database, log: AuditLog) -> None:
    """A log that is opened again goes on where it ended."""
    again = AuditLog(database, Clock(), "n1")

    assert again.head == log.head
    assert again.append("x", "ras:n1", "ras:n1") == 3
    assert await finding(database) is None


async def test_rolled_back(database: Database, log: AuditLog) -> None:
    """An entry of a transaction that failed is gone, and the chain has no gap."""

    def fail() -> None:
        with database.write():
            log.append("x", "ras:n1", "ras:n1")
            raise RuntimeError

    before = log.head
    with pytest.raises(RuntimeError):
        fail()

    assert log.head == before  # what a gateway is told now it will want to find again
    assert log.append("y", "ras:n1", "ras:n1") == 3
    assert await finding(database) is None


@pytest.mark.parametrize("durable", [False, True])
async def test_flushed_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, durable: bool
) -> None:
    """An operator can have each entry on the disk before anything is answered."""
    flushed: list[int] = []
    with Database(tmp_path / "ras.db") as database:
        log = AuditLog(database, Clock(), "n1", durable=durable)
        await database.flush()
        monkeypatch.setattr(os, "fdatasync", flushed.append)
        log.append("x", "ras:n1", "ras:n1")
        await database.settle()

    assert len(flushed) == durable


def about_ras(log: AuditLog) -> list[int]:
    """Return the numbers of the entries about the server itself, as the index finds them."""
    rows = log.index.page([View("ras:n1")], 0, 1000, newest_first=False)
    return [row.n for row in rows]


def test_found_by_what_it_is_about(log: AuditLog) -> None:
    """Entries are found by what they are about and by who did it, at once and in order."""
    mine = log.index.page([View("user:u-9c1e", (BY,))], 0, 10, newest_first=False)
    lock = log.index.page([View("dev:A1B2C3D4E5F6")], 3, 10, newest_first=True)
    older = log.index.page([View("dev:A1B2C3D4E5F6")], 2, 10, newest_first=True)

    assert [row.n for row in mine] == [2]
    assert [row.n for row in lock] == [2, 1]
    assert [row.n for row in older] == [1]
    assert log.index.page([View("user:u-7", (BY,))], 0, 10, newest_first=False) == []


def test_found_however_many(log: AuditLog) -> None:
    """Whether the keys of an entry are written yet makes no difference."""
    numbers = [log.append("x", "ras:n1", "ras:n1") for _ in range(450)]

    assert about_ras(log) == numbers


def test_found_after_a_crash(tmp_path: Path) -> None:
    """Keys that a process took with it are read from the entries."""
    with Database(tmp_path / "ras.db") as database:
        log = AuditLog(database, Clock(), "n1")
        numbers = [log.append("x", "ras:n1", "ras:n1") for _ in range(3)]
        assert database.one("SELECT 1 FROM audit_key") is None

    with Database(tmp_path / "ras.db") as database:
        again = AuditLog(database, Clock(), "n1")
        numbers.append(again.append("x", "ras:n1", "ras:n1"))

        assert about_ras(again) == numbers


@pytest.mark.parametrize("looked", [False, True])
def test_not_found_after_a_rollback(database: Database, log: AuditLog, *, looked: bool) -> None:
    """An entry that was rolled back is not found, and nothing else is lost with it."""
    numbers = [log.append("x", "ras:n1", "ras:n1")]

    def fail() -> None:
        with database.write():
            log.append("x", "ras:n1", "ras:n1")
            if looked:  # writes the keys, inside the transaction that fails
                about_ras(log)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert about_ras(log) == numbers
    numbers.append(log.append("x", "ras:n1", "ras:n1"))

    assert about_ras(log) == numbers == [3, 4]


@pytest.fixture
def long(database: Database, log: AuditLog) -> AuditLog:
    """Return an audit of 500 entries whose guards somebody took away."""
    for number in range(498):
        log.append("x", "ras:n1", f"ras:{number}")
    for trigger in ("audit_update", "audit_delete"):
        database.execute(f"DROP TRIGGER {trigger}")
    return log


@pytest.mark.parametrize(
    ("statements", "bad"),
    [
        pytest.param(
            ["UPDATE audit SET entry = replace(entry, 'ras:300', 'ras:301') WHERE n = 303"],
            Finding(303, Wrong.ALTERED),
            id="edited",
        ),
        pytest.param(
            ["UPDATE audit SET hash = zeroblob(32) WHERE n = 2"],
            Finding(2, Wrong.ALTERED),
            id="hash",
        ),
        pytest.param(
            ["UPDATE audit SET entry = replace(entry, ',', ', ') WHERE n = 1"],
            Finding(1, Wrong.ALTERED),
            id="white space",
        ),
        pytest.param(
            ["UPDATE audit SET entry = '[]' WHERE n = 400"], Finding(400, Wrong.ALTERED), id="text"
        ),
        pytest.param(["DELETE FROM audit WHERE n = 1"], Finding(1, Wrong.MISSING), id="first"),
        pytest.param(["DELETE FROM audit WHERE n = 250"], Finding(250, Wrong.MISSING), id="gone"),
        pytest.param(
            ["DELETE FROM audit WHERE n = 250", "UPDATE audit SET n = n - 1 WHERE n > 250"],
            Finding(250, Wrong.REORDERED),
            id="gone, closed up",
        ),
        pytest.param(
            [
                "DELETE FROM audit WHERE n = 250",
                "INSERT INTO audit SELECT 250, entry, hash FROM audit WHERE n = 249",
            ],
            Finding(250, Wrong.REPEATED),
            id="repeated",
        ),
        pytest.param(
            ["INSERT INTO audit SELECT 501, entry, hash FROM audit WHERE n = 500"],
            Finding(501, Wrong.REPEATED),
            id="repeated at the end",
        ),
        pytest.param(
            [
                "UPDATE audit SET n = -n WHERE n IN (300, 301)",
                "UPDATE audit SET n = 601 + n WHERE n < 0",
            ],
            Finding(300, Wrong.REORDERED),
            id="reordered",
        ),
    ],
)
async def test_rewritten_past(
    database: Database, long: AuditLog, statements: list[str], bad: Finding
) -> None:
    """The first entry that was altered, taken away, repeated or reordered is named, and how."""
    assert await finding(database) is None
    for statement in statements:
        assert database.execute(statement)

    assert await finding(database) == bad


async def test_cut_tail(database: Database, long: AuditLog) -> None:
    """A tail that was cut shows to whoever kept the head."""
    head = long.head
    database.execute("DELETE FROM audit WHERE n > 498")

    assert await finding(database) is None
    assert await finding(database, to=head.n) == Finding(499, Wrong.MISSING)
    assert await finding(database, after=head.n, previous=head.hash) == Finding(500, Wrong.MISSING)
    assert await finding(database, after=1, previous=head.hash) == Finding(1, Wrong.ALTERED)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET n = 7",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT 1, entry, hash FROM audit WHERE n = 2",
    ],
)
async def test_append_only(database: Database, log: AuditLog, statement: str) -> None:
    """The database itself refuses to change, delete or replace an entry."""
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(statement)

    assert await finding(database) is None


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
