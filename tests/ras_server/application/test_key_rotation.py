"""Rotation of the master key: everything is sealed anew, and the old key opens nothing."""

from aiohttp import web
from aiohttp.test_utils import TestServer

from ras_server.app import create_app
from ras_server.keys import DATABASE, VAULT
from ras_server.rewrap import REWRAP
from ras_server.settings import Settings
from ras_server.vault import Vault
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Client
from tests.ras_server.conftest import MASTER_KEY

PLACE = {"table": "t", "row": "r", "column": "c"}


async def rotated(app: web.Application) -> None:
    """Rotate, and wait until it is done."""
    app[VAULT].add_key()
    await app[REWRAP].begin()


def sealed_under(app: web.Application, key_id: bytes) -> list[str]:
    """Return every column of the database in which a value is sealed under a key."""
    database = app[DATABASE]
    tables = database.all("SELECT name FROM sqlite_schema WHERE type = 'table'")
    found = []
    for (table,) in tables:
        for column in database.all(f"PRAGMA table_info({table})"):
            rows = database.all(
                f"SELECT 1 FROM {table} WHERE typeof({column['name']}) = 'blob'"  # noqa: S608 - names of the schema
                f" AND substr({column['name']}, 1, 4) = ?",
                (key_id,),
            )
            found += [f"{table}.{column['name']}"] * bool(rows)
    return found


async def test_everything_is_sealed_anew(
    app: web.Application, settings: Settings, owner: Client, home: Gateway, door: Door
) -> None:
    """After a rotation nothing is sealed under the old key, in the database or the journal."""
    old = app[VAULT].key_id
    assert {"user.scram", "device.k_f", "device.k_code", "device_key.k_d"} <= set(
        sealed_under(app, old)
    )

    await rotated(app)

    assert sealed_under(app, old) == []
    journal = (settings.folder / "keys.journal").read_text()
    assert f'"k_d":"{old.hex()}' not in journal
    assert f'"k_d":"{app[VAULT].key_id.hex()}' in journal
    assert app[VAULT].older == ()
    opened = await home.open(door, "exchange", {"do": [{"cmd": "lock"}]})
    assert opened.data["result"]["code"] == 0
    assert (await owner.another().log_in("anna@example.org")).http == 200


async def test_key_file(app: web.Application, settings: Settings, owner: Client) -> None:
    """The key file alone opens what the rotated server has sealed; what is derived stays."""
    before = app[VAULT].derive("x")
    await rotated(app)

    vault = Vault.from_file(settings.master_key)

    assert settings.master_key.stat().st_mode & 0o777 == 0o400
    assert vault.open(app[VAULT].seal(b"secret", **PLACE), **PLACE) == b"secret"
    assert vault.derive("x") == before
    assert MASTER_KEY not in vault._ring.values()


async def test_a_running_exchange_is_waited_for(
    app: web.Application, owner: Client, home: Gateway, door: Door
) -> None:
    """An exchange that began before may store what it read: the old key stays until it ends."""
    await owner.post(f"/v1/devices/{door.device_id}/rekey", {"reason": "schedule"})
    body = {"gateway_id": home.id, "hello": door.connect().hex()}
    opened = await home.client.post(f"/v1/devices/{door.device_id}/deliver", body)
    app[VAULT].add_key()
    task = app[REWRAP].begin()
    while app[REWRAP].done < app[REWRAP].total or not app[REWRAP].total:
        await home.client.get("/healthz")
    assert app[VAULT].older

    finished = await home.carry(door, opened)
    await task

    assert finished.data["result"]["code"] == 0
    assert not app[VAULT].older
    again = await home.open(door, "exchange", {"do": [{"cmd": "status"}]})
    assert again.data["result"]["code"] == 0


async def test_goes_on_after_a_restart(
    app: web.Application, settings: Settings, owner: Client, server: TestServer
) -> None:
    """A rotation that broke off is finished by the next process."""
    assert owner
    app[VAULT].add_key()
    app[VAULT].to_file(settings.master_key)
    old = app[VAULT].older[0]
    await server.close()

    again = create_app(settings)
    async with TestServer(again):
        while again[REWRAP].running:
            await again[REWRAP]._task  # type: ignore[misc]
        assert sealed_under(again, old) == []
    assert not Vault.from_file(settings.master_key).older
