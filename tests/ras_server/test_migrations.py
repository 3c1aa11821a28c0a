"""Migrations: a database of an earlier release becomes one of this release, with all that is in it.

The fixtures are dumps of databases that the releases made, under the master key of the tests. Each
new release adds its own.
"""

from pathlib import Path
import sqlite3

from aiohttp import web
import pytest

from ras_server.application.audit_check import verify
from ras_server.application.locks import LOCKS
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from ras_server.store.db import Database, DatabaseError
from tests.ras_server.client import Client

DUMPS = sorted(Path(__file__).with_name("fixtures").glob("release-*.sql"))
DEVICE = "A1B2C3D4E5F6"


@pytest.fixture(params=DUMPS, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, settings: Settings) -> Path:
    """Return a database as an earlier release left it."""
    with sqlite3.connect(settings.database) as connection:
        connection.executescript(request.param.read_text(encoding="utf-8"))
    connection.close()
    return settings.database


def schema(path: Path) -> set[tuple[str, str]]:
    """Return all tables, indexes and triggers with their text."""
    with sqlite3.connect(path) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL"))


def test_same_as_new(old: Path, tmp_path: Path) -> None:
    """The tables are the same as those of a new database."""
    Database(old).close()
    Database(tmp_path / "new.db").close()

    assert schema(old) == schema(tmp_path / "new.db")


async def test_goes_on(old: Path, client: Client, app: web.Application) -> None:
    """People log in as before, their locks and keys are theirs, and the audit goes on."""
    await client.log_in("anna@example.org")
    devices = await client.get("/v1/devices")
    users = await client.get(f"/v1/devices/{DEVICE}/users")
    log = await client.get(f"/v1/devices/{DEVICE}/log")
    audit = await client.get("/v1/audit")

    assert [each["device_id"] for each in devices.data["items"]] == [DEVICE]
    assert len(users.data["items"]) == 2
    assert [each["record"] for each in log.data["items"]] == [7]
    assert [each["entry"]["action"] for each in audit.data["items"]][-1] == "user.login"
    lock = app[LOCKS].get(DEVICE)
    assert lock is not None
    assert app[LOCKS].key(lock, lock.record.keys[0]).gen == 1
    assert (await verify(app[DATABASE])).finding is None


def test_newer(old: Path) -> None:
    """A database of a later release is refused, and left as it is."""
    Database(old).close()
    with sqlite3.connect(old) as connection:
        connection.execute("INSERT INTO migration VALUES (9999, '9999_future.sql')")
    connection.close()

    with pytest.raises(DatabaseError, match="newer than this program"):
        Database(old)


def test_claims_without_proof(old: Path) -> None:
    """A claim that an earlier release was in the middle of is gone; an imported label stays."""
    rows = [("020000000001", bytes(40), "preparing"), ("020000000002", None, "claimed")]
    with sqlite3.connect(old) as connection:
        connection.executemany(
            "INSERT INTO device (device_id, k_f, state, created) VALUES (?, ?, ?, 0)", rows
        )
    connection.close()

    database = Database(old)

    found = database.all("SELECT device_id, state FROM device WHERE owner IS NULL")
    database.close()
    assert [tuple(row) for row in found] == [("020000000001", "known")]
