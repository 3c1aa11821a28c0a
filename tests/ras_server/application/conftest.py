"""A lock, its owner, the owner's gateway, those who ask at the door; a chain of the audit."""

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from ras_server import archive
from ras_server.application.audit import AuditLog
from ras_server.settings import Settings
from ras_server.store.db import Database
from tests.ras_server.application.chain import ENTRY_1, ENTRY_2, Clock
from tests.ras_server.application.desk import BEN, CLEO, Desk
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.safe import Home, Safe
from tests.ras_server.application.test_operations import grant
from tests.ras_server.client import Client
from tests.ras_server.conftest import MASTER_KEY, MovableClock


@pytest.fixture
def door(clock: MovableClock) -> Door:
    """Return a new lock whose pairing window is open."""
    door = Door(clock)
    door.lock.press_button(1)
    return door


@pytest.fixture
async def owner(client: Client) -> Client:
    """Return a person who is logged in."""
    return await client.enter("anna@example.org")


@pytest.fixture
async def gateway(owner: Client) -> Gateway:
    """Return the gateway of that person."""
    return Gateway(await owner.gateway())


@pytest.fixture
async def home(gateway: Gateway, door: Door) -> Gateway:
    """Return the gateway of a home whose lock is registered."""
    answer = await gateway.register(door)
    assert answer.data["result"]["code"] == 0, answer
    await gateway.see(door)
    return gateway


@pytest.fixture
async def ben(client: Client) -> Client:
    """Return somebody else, who is logged in."""
    return await client.another().enter(BEN)


@pytest.fixture
async def site(owner: Client, home: Gateway, door: Door) -> str:
    """Return the path of a site with the lock in it."""
    assert home
    made = await owner.post("/v1/sites", {"name": "Home"})
    assert made.http == 201, made
    path = f"/v1/sites/{made.data['site_id']}"
    put = await owner.request("PUT", f"{path}/devices/{door.device_id}")
    assert put.data["devices"] == [door.device_id], put
    return path


@pytest.fixture
def safe(
    app: web.Application,
    server: TestServer,
    settings: Settings,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Safe:
    """Return what keeps the server safe; the key of an archive takes little memory here."""
    monkeypatch.setattr(archive, "_COST", (1, 64, 1))
    settings.master_key.write_text(MASTER_KEY.hex())
    return Safe(app, server, settings, clock)


@pytest.fixture
async def place(safe: Safe, owner: Client, gateway: Gateway, door: Door) -> Home:
    """Return a home whose lock is not registered yet."""
    return Home(safe, owner, gateway, door)


@pytest.fixture
async def living(place: Home) -> Home:
    """Return a home whose lock is registered."""
    answer = await place.gateway.register(place.door)
    assert answer.data["result"]["code"] == 0, answer
    await place.gateway.see(place.door)
    return place


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


@pytest.fixture
async def desk(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> Desk:
    """Return a door at which Ben needs a second person."""
    ben = await owner.another().enter(BEN)
    desk = Desk(owner, home, door, clock, ben=ben)
    desk.grant = (await grant(owner, door, BEN, second_person=True)).data
    return desk


@pytest.fixture
async def cleo(desk: Desk) -> Client:
    """Return somebody who may unlock alone."""
    await grant(desk.owner, desk.door, CLEO)
    return await desk.owner.another().enter(CLEO)
