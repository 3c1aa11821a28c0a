"""One SQLite file, one writer: transactions of a few loop ticks share one commit (profile).

Everything runs in the event loop on one connection: a point read costs less than a change of
thread. A write opens or joins the current transaction; the transaction is committed once, a few
loop ticks later, into the write-ahead log, which survives the death of the process. What has to
survive a power cut as well is followed by a flush of that log, in a thread, again shared by all who
wait. An answer leaves the server only after `settle()`.

A commit that fails cannot be mended: state in memory is ahead of the file. The database then
refuses everything, and the server stops.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib import resources
import logging
import os
from pathlib import Path
import sqlite3
from typing import Any, Final, NamedTuple, Self

from ..errors import OperatorError

_LOGGER = logging.getLogger(__name__)

_CHECKPOINT_PAGES: Final = 1000
"""The write-ahead log is folded into the database file after so many pages of 4096 bytes."""

_FLUSH_AFTER: Final = 1000
"""So many writes that nobody wanted on disk are brought there all the same."""

_GATHERING: Final = 6
"""Loop ticks that a commit waits for others to join; one in which nothing happens is some us."""

type Row = sqlite3.Row
type Parameters = Sequence[Any] | dict[str, Any]


class DatabaseError(OperatorError):
    """The database cannot be opened, or could not be written and takes no more."""


class _Waiter(NamedTuple):
    """Who waits: for the commit of one write, and for another to be on the disk."""

    written: int
    wanted: int
    settled: asyncio.Future[None]


class Database:
    """The connection of the server's process to its file."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        """Open the file, create it if it is missing (mode 0600), and apply the migrations."""
        self.path = None if str(path) == ":memory:" else Path(path)
        if self.path is not None:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            self._connection = _connect(path)
            _migrate(self._connection)
        except sqlite3.Error as err:
            raise DatabaseError(f"{path} cannot be opened: {err}") from err
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ras-database")
        self._log = None if self.path is None else _open_log(self.path)
        self._after: list[Callable[[], None]] = []
        self._commit_due = False
        self._waiters: list[_Waiter] = []
        self._flushing = False
        self._nested = 0
        self._appending = ""
        self._appended: list[Parameters] = []  # rows of that statement, not yet executed
        self._written = self._committed = 0  # numbers of writes
        self._wanted = self._durable = 0  # the last one that must be on disk, that is on disk
        self._on_rollback: list[Callable[[], None]] = []
        self.failure: BaseException | None = None
        self._on_failure: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        """Own the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection; everything that was answered is in the file."""
        self.close()

    def close(self) -> None:
        """Commit what is open, unless the database has failed, and close the file."""
        if self.failure is None and self._written > self._committed:
            self._commit_now()
        self._thread.shutdown()
        if self._log is not None:
            os.close(self._log)
        self._connection.close()

    def one(self, statement: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        self._write_appended()
        row: Row | None = self._connection.execute(statement, parameters).fetchone()
        return row

    def all(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows; the statement carries a limit wherever the table can grow."""
        self._write_appended()
        return self._connection.execute(statement, parameters).fetchall()

    def execute(self, statement: str, parameters: Parameters = (), *, durable: bool = True) -> int:
        """Write with one statement, and return the number of rows it changed."""
        self._begin(durable=durable)
        self._write_appended()
        changed = self._connection.execute(statement, parameters).rowcount
        self._end()
        return changed

    def insert(self, statement: str, parameters: Parameters = (), *, durable: bool = True) -> Row:
        """Write with one statement that ends in RETURNING, and return its row."""
        self._begin(durable=durable)
        self._write_appended()
        row: Row = self._connection.execute(statement, parameters).fetchone()
        self._end()
        return row

    def append(self, statement: str, *rows: Parameters, durable: bool = False) -> None:
        """Insert rows: with others of their kind, before anything else is executed.

        One that is refused breaks the database, as a commit that fails does.
        """
        self._begin(durable=durable)
        if statement != self._appending:
            self._write_appended()
            self._appending = statement
        self._appended += rows
        self._end()

    def _write_appended(self) -> None:
        if self._appended:
            rows, self._appended = self._appended, []
            try:
                self._connection.executemany(self._appending, rows)
            except sqlite3.Error as err:
                self._fail(err)
                raise

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[None]:
        """Make the writes of the block all or nothing; nothing is awaited inside."""
        self._begin(durable=durable)
        self._write_appended()
        self._nested += 1
        self._connection.execute("SAVEPOINT write")
        try:
            yield
            self._write_appended()
        except BaseException:
            self._appended.clear()
            self._connection.execute("ROLLBACK TO write")
            for callback in self._on_rollback:
                callback()
            raise
        finally:
            self._connection.execute("RELEASE write")
            self._nested -= 1
        self._end()

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the current transaction is committed; at once if nothing is open."""
        if self._written > self._committed:
            self._after.append(callback)
        else:
            callback()

    def on_rollback(self, callback: Callable[[], None]) -> None:
        """Call back when writes were taken back, for who keeps in memory what he wrote."""
        self._on_rollback.append(callback)

    @property
    def unsettled(self) -> bool:
        """Tell whether something written is not yet as durable as its writer wanted it."""
        return self._committed < self._written or self._durable < self._wanted

    async def settle(self, *, durable: bool = True) -> None:
        """Wait until everything written so far is as durable as its writer wanted it.

        With `durable=False` wait for the commit only.
        """
        written, wanted = self._written, self._wanted if durable else 0
        if self._committed >= written and self._durable >= wanted:
            return
        self._require()
        settled = asyncio.get_running_loop().create_future()
        self._waiters.append(_Waiter(written, wanted, settled))
        if self._committed >= written:
            self._start_flush()
        await settled
        self._require()

    async def flush(self) -> None:
        """Wait until everything written so far is on the disk, whatever its writer wanted."""
        self._wanted = self._written
        await self.settle()

    def backup(self, path: Path) -> None:
        """Copy the database to a new file, consistent in itself; blocks, so call it in a thread."""
        if self.path is None:
            raise DatabaseError("A database in memory has no backup")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            closing(sqlite3.connect(self.path)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)  # in one read: the log keeps growing, nobody waits

    @property
    def log_size(self) -> int:
        """Return the size of the write-ahead log in bytes."""
        return 0 if self._log is None else os.fstat(self._log).st_size

    def on_failure(self, callback: Callable[[], None]) -> None:
        """Call back when the database takes no more."""
        self._on_failure.append(callback)

    def _fail(self, err: BaseException) -> None:
        _LOGGER.critical("The database could not be written: %s", err)
        self.failure = err
        self._after.clear()
        for callback in self._on_failure:
            callback()

    def _require(self) -> None:
        if self.failure is not None:
            raise DatabaseError("The database could not be written") from self.failure

    def _begin(self, *, durable: bool) -> None:
        """Count a write, and see to it that a commit follows soon."""
        self._require()
        self._written += 1
        if durable:
            self._wanted = self._written
        if not self._commit_due:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self._commit_due = True
            loop.call_soon(self._gather, _GATHERING)

    def _end(self) -> None:
        """Commit at once in a program that runs no loop."""
        if not self._commit_due and not self._nested:
            self._commit_now()
            self._sync()
            self._durable = self._committed

    def _gather(self, ticks: int) -> None:
        """Commit after so many loop ticks.

        Who is answered together asks together again: the busier the server, the more share a
        commit.
        """
        if ticks:
            asyncio.get_running_loop().call_soon(self._gather, ticks - 1)
        else:
            self._commit_tick()

    def _commit_tick(self) -> None:
        self._commit_due = False
        try:
            if self._committed < self._written:
                self._commit_now()
        except (sqlite3.Error, OSError) as err:
            if self.failure is None:
                self._fail(err)
        self._release()
        if self._waiters or self._committed - self._durable >= _FLUSH_AFTER:
            self._start_flush()

    def _release(self) -> None:
        """Let those go on whose writes are as durable as they want them."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.settled.done():  # who waited has gone
                continue
            in_file = self._committed >= waiter.written and self._durable >= waiter.wanted
            if in_file or self.failure is not None:
                waiter.settled.set_result(None)
            else:
                self._waiters.append(waiter)

    def _commit_now(self) -> None:
        self._write_appended()
        self._connection.commit()
        self._committed = self._written
        after, self._after = self._after, []
        for callback in after:
            callback()

    def _start_flush(self) -> None:
        """Bring the log to the disk in a thread, unless that is being done."""
        if self._flushing:
            return
        self._flushing = True
        loop, committed = asyncio.get_running_loop(), self._committed

        def tell(done: Future[None]) -> None:
            loop.call_soon_threadsafe(self._flushed, committed, done.exception())

        self._thread.submit(self._sync).add_done_callback(tell)

    def _flushed(self, committed: int, err: BaseException | None) -> None:
        self._flushing = False
        if err is None:
            self._durable = max(self._durable, committed)
        else:
            self._fail(err)
        self._release()
        if self._waiters and self._committed > committed:
            self._start_flush()

    def _sync(self) -> None:
        """Flush the log, and fold it into the database file when it is long."""
        if self._log is None or self.path is None:
            return
        os.fdatasync(self._log)
        if os.fstat(self._log).st_size > _CHECKPOINT_PAGES * 4096:
            with closing(sqlite3.connect(self.path)) as checkpoint:
                checkpoint.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _connect(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, autocommit=True, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "wal_autocheckpoint=0",
        "journal_size_limit=0",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "secure_delete=ON",
        "recursive_triggers=ON",  # so that INSERT OR REPLACE deletes for the triggers, too
        "busy_timeout=2000",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.autocommit = False
    return connection


def _open_log(path: Path) -> int:
    """Return a descriptor of the write-ahead log, whose name is on disk already."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return os.open(f"{path}-wal", os.O_RDWR | os.O_CREAT, 0o600)


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply each migration that the file has not seen yet, in the order of their numbers."""
    files = {
        int(file.name.partition("_")[0]): file
        for file in (resources.files(__package__) / "migrations").iterdir()
        if file.name.endswith(".sql")
    }
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"
        " STRICT"
    )
    done = {row["number"] for row in connection.execute("SELECT number FROM migration")}
    if unknown := done - set(files):
        raise DatabaseError(f"The database is newer than this program: migration {max(unknown)}")
    for number in sorted(set(files) - done):
        for statement in _statements(files[number].read_text(encoding="utf-8")):
            connection.execute(statement)
        connection.execute("INSERT INTO migration VALUES (?, ?)", (number, files[number].name))
        connection.commit()
    connection.commit()


def _statements(script: str) -> Iterator[str]:
    """Split a script into its statements; triggers keep their inner semicolons."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
