"""The database: what is answered is in the file, all or nothing, once per loop tick."""

import asyncio
from contextlib import closing, suppress
import os
from pathlib import Path
import sqlite3
import stat
import threading

import pytest

from ras_server.store import db as db_module, messages
from ras_server.store.db import Database, DatabaseError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database is."""
    return tmp_path / "ras.db"


def numbers(database: Database | Path) -> list[int]:
    """Return what is stored for the receiver of these tests."""
    if isinstance(database, Path):
        with Database(database) as opened:
            return numbers(opened)
    return [seq for seq, _ in messages.after(database, "gw:g", 0, 100)]


def store(database: Database, seq: int) -> None:
    """Store a numbered message."""
    messages.add(database, "gw:g", seq, 0, b"{}")


def committed(path: Path) -> int:
    """Return how many messages another process sees."""
    other = sqlite3.connect(path)
    try:
        count: int = other.execute("SELECT count(*) FROM message").fetchone()[0]
        return count
    finally:
        other.close()


def test_created_for_its_user_only(path: Path) -> None:
    """The database and its log are readable by the server's user only."""
    with Database(path):
        modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}

    assert modes == {0o600}


def test_without_a_loop(path: Path) -> None:
    """A program that runs no loop has each write in the file at once."""
    with Database(path) as database:
        store(database, 1)
        assert committed(path) == 1
        with database.write():
            store(database, 2)
            store(database, 3)
            assert committed(path) == 1
        assert committed(path) == 3


async def test_writes_share_a_commit(path: Path) -> None:
    """The writes of neighbouring loop ticks become visible together, soon, unasked."""
    with Database(path) as database:
        store(database, 1)
        await asyncio.sleep(0)
        store(database, 2)
        seen = []
        for _ in range(10):
            seen.append(committed(path))
            await asyncio.sleep(0)

    assert seen[0] == 0
    assert set(seen) == {0, 2}


async def test_closed_before_the_commit(path: Path) -> None:
    """What was written when the file is closed is in it, and what waited for that is done."""
    done = []
    with Database(path) as database:
        store(database, 1)
        database.after_commit(lambda: done.append(committed(path)))
    for _ in range(10):
        await asyncio.sleep(0)

    assert (done, committed(path), database.failure) == ([1], 1, None)


async def test_settled(path: Path) -> None:
    """What is settled is in the file, also for those who wait together."""
    with Database(path) as database:
        for number in range(10):
            store(database, number + 1)
        await asyncio.gather(*(database.settle() for _ in range(10)))
        assert committed(path) == 10


async def test_all_or_nothing(path: Path) -> None:
    """A block that fails leaves nothing; what came before and after stays."""
    with Database(path) as database:
        store(database, 1)
        with suppress(sqlite3.IntegrityError), database.write():
            store(database, 2)
            store(database, 1)
        store(database, 3)
        await database.settle()

    assert numbers(path) == [1, 3]


async def test_block_in_a_block(path: Path) -> None:
    """An inner block that fails is taken back alone."""
    with Database(path) as database:
        with database.write():
            store(database, 1)
            with suppress(ZeroDivisionError), database.write():
                store(database, 2)
                raise ZeroDivisionError
            store(database, 3)
        await database.settle()

    assert numbers(path) == [1, 3]


async def test_after_commit(path: Path) -> None:
    """A callback runs once its transaction is in the file, not before."""
    seen = []
    with Database(path) as database:
        with database.write():
            store(database, 1)
            database.after_commit(lambda: seen.append(committed(path)))
        assert seen == []
        await database.settle()
        database.after_commit(lambda: seen.append(committed(path)))

    assert seen == [1, 1]


async def test_flush_is_shared_and_only_when_asked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What must survive a power cut is flushed, once for all who wait; the rest is not."""
    flushed: list[int] = []
    with Database(path) as database:
        await database.settle()
        monkeypatch.setattr(os, "fdatasync", flushed.append)
        messages.add(database, "gw:g", 1, 0, b"{}")
        await database.settle()
        relaxed = len(flushed)
        database.execute("INSERT INTO receiver VALUES ('gw:a', 1)")
        database.execute("INSERT INTO receiver VALUES ('gw:b', 1)")
        await asyncio.gather(database.settle(), database.settle(), database.settle())

    assert (relaxed, len(flushed)) == (0, 1)


async def test_written_during_a_flush(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written while the disk is busy waits for a flush of its own, whoever gives up."""
    busy, go_on = asyncio.Event(), threading.Semaphore(0)
    loop = asyncio.get_running_loop()

    def slow(_: int) -> None:
        loop.call_soon_threadsafe(busy.set)
        assert go_on.acquire(timeout=5)

    async with asyncio.timeout(10):
        with Database(path) as database:
            await database.settle()
            monkeypatch.setattr(os, "fdatasync", slow)
            database.execute("INSERT INTO receiver VALUES ('gw:a', 1)")
            impatient, first = (asyncio.create_task(database.settle()) for _ in range(2))
            await busy.wait()
            busy.clear()
            impatient.cancel()
            database.execute("INSERT INTO receiver VALUES ('gw:b', 1)")
            second = asyncio.create_task(database.settle())
            await database.settle(durable=False)
            go_on.release()
            await asyncio.wait({impatient, first})
            await busy.wait()
            early = second.done()
            go_on.release()
            await second

    assert (impatient.cancelled(), first.exception(), early) == (True, None, False)


async def test_log_is_folded_in(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write-ahead log does not grow for ever."""
    monkeypatch.setattr(db_module, "_CHECKPOINT_PAGES", 4)
    log = path.with_name("ras.db-wal")
    sizes = []
    with Database(path) as database:
        for number in range(100):
            database.execute("INSERT INTO receiver VALUES (?, 1)", (f"gw:{number:0>2000}",))
            await database.settle()
            sizes.append(log.stat().st_size)

    assert max(sizes[1:]) < 20 * 4096


class BrokenConnection:
    """A connection whose disk is full."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Wrap a real one."""
        self.real = connection
        self.execute = connection.execute
        self.close = connection.close

    def commit(self) -> None:
        """Fail."""
        raise sqlite3.OperationalError("database or disk is full")


async def test_disk_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that fails is told to all who wait, and nothing is taken any more."""
    stopped = []
    with Database(path) as database:
        database.on_failure(lambda: stopped.append(True))
        monkeypatch.setattr(database, "_connection", BrokenConnection(database._connection))
        store(database, 1)
        with pytest.raises(DatabaseError):
            await database.settle()
        with pytest.raises(DatabaseError):
            store(database, 2)

    assert stopped == [True]
    assert numbers(path) == []


async def test_flush_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush that fails is a failure of the database."""

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    with Database(path) as database:
        await database.settle()
        monkeypatch.setattr(os, "fdatasync", fail)
        database.execute("INSERT INTO receiver VALUES ('gw:a', 1)")
        with pytest.raises(DatabaseError):
            await database.settle()

    assert database.failure is not None


async def test_relaxed_writes_are_flushed_in_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody waits for reaches the disk after so many writes."""
    flushed = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(os, "fdatasync", lambda _: loop.call_soon_threadsafe(flushed.set))
    with Database(path) as database:
        for number in range(1000):
            store(database, number)
        async with asyncio.timeout(5):
            await flushed.wait()


def test_newer_database(path: Path) -> None:
    """A database of a newer program is left alone."""
    with Database(path) as database:
        database.execute("INSERT INTO migration VALUES (9999, 'later')")

    with pytest.raises(DatabaseError, match="newer"):
        Database(path)


def test_no_database(path: Path) -> None:
    """A file that is no database is refused, and not changed."""
    path.write_bytes(b"Dear diary, " * 100)

    with pytest.raises(DatabaseError):
        Database(path)

    assert path.read_bytes().startswith(b"Dear diary")


def test_backup(path: Path, tmp_path: Path) -> None:
    """A backup is a database of its own, and never overwrites a file."""
    copy = tmp_path / "copy.db"
    with Database(path) as database:
        store(database, 1)
        database.backup(copy)
        with pytest.raises(FileExistsError):
            database.backup(copy)

    assert numbers(copy) == [1]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


async def test_appended_rows(path: Path) -> None:
    """Appended rows are seen by what is executed after them, in their order, and survive."""
    with Database(path) as database:
        database.execute("CREATE TABLE chain (n INTEGER PRIMARY KEY, text TEXT) STRICT")
        for n in (1, 2):
            database.append("INSERT INTO chain VALUES (?, ?)", (n, "first"))
        database.execute("UPDATE chain SET text = 'second' WHERE n = 1")
        database.append("INSERT INTO chain VALUES (?, 'other')", (3,))
        seen = [tuple(row) for row in database.all("SELECT * FROM chain ORDER BY n")]
        database.append("INSERT INTO chain VALUES (?, ?)", (4, "last"))
        await database.settle()
        with closing(sqlite3.connect(path)) as other:
            committed = other.execute("SELECT count(*) FROM chain").fetchone()

    assert seen == [(1, "second"), (2, "first"), (3, "other")]
    assert committed == (4,)


async def test_appended_rows_of_a_transaction(path: Path) -> None:
    """What is appended in a transaction leaves with it; what came before stays."""
    with Database(path) as database:
        database.execute("CREATE TABLE chain (n INTEGER PRIMARY KEY) STRICT")
        database.append("INSERT INTO chain VALUES (?)", (1,))

        def fail() -> None:
            with database.write():
                database.append("INSERT INTO chain VALUES (?)", (2,))
                database.one("SELECT nothing")

        taken_back: list[None] = []
        database.on_rollback(lambda: taken_back.append(None))
        with pytest.raises(sqlite3.Error):
            fail()
        assert len(taken_back) == 1
        with database.write():
            database.append("INSERT INTO chain VALUES (?)", (3,))

        assert [row["n"] for row in database.all("SELECT n FROM chain")] == [1, 3]


async def test_appended_row_refused(path: Path) -> None:
    """A row that does not fit is found when it cannot be mended: the database takes no more."""
    database = Database(path)
    database.execute("CREATE TABLE chain (n INTEGER PRIMARY KEY) STRICT")
    for _ in range(2):
        database.append("INSERT INTO chain VALUES (?)", (1,))

    with pytest.raises(DatabaseError):
        await database.settle()
    with pytest.raises(DatabaseError):
        database.append("INSERT INTO chain VALUES (?)", (2,))
    database.close()


async def test_what_follows_a_commit_fails(path: Path) -> None:
    """If a change cannot be journaled nobody waits for ever, and the database takes no more."""
    failed: list[bool] = []
    with Database(path) as database:
        database.on_failure(lambda: failed.append(True))
        store(database, 1)
        database.after_commit(_full_disk)

        async with asyncio.timeout(2):
            with pytest.raises(DatabaseError):
                await database.settle()

        assert failed == [True]
        with pytest.raises(DatabaseError):
            store(database, 2)
    assert numbers(path) == [1]


def _full_disk() -> None:
    raise OSError(28, "No space left on device")
