"""A real server over HTTP, with a clock that the test moves and codes that the test reads."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
import time

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
import pytest

from ras_server.account.delivery import DELIVER
from ras_server.app import create_app
from ras_server.cli import main
from ras_server.settings import Settings
from ras_server.tls import server_context
from ras_server.vault import Vault
from tests.ras_server.certificates import certificate
from tests.ras_server.client import Client, Outbox
from tests.ras_server.counter import Counter

MASTER_KEY = bytes(range(32))


class MovableClock:
    """The time, and what a test adds to it."""

    def __init__(self) -> None:
        """Begin with the true time."""
        self.ahead = 0.0
        self.passed = 0.0
        self.stopped_at: float | None = None

    def __call__(self) -> float:
        """Return Unix seconds."""
        return (self.stopped_at or time.time()) + self.ahead

    def steady(self) -> float:
        """Return the seconds of a clock that nobody sets."""
        return (self.stopped_at or time.time()) + self.passed

    def stop(self) -> None:
        """Let time pass only when it is moved."""
        self.stopped_at = time.time()

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.ahead += seconds
        self.passed += seconds

    def set_back(self, seconds: float) -> None:
        """Set the clock; no time passes."""
        self.ahead -= seconds


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let the tests of this folder open sockets."""


@pytest.fixture
def clock() -> MovableClock:
    """Return the server's clock."""
    return MovableClock()


@pytest.fixture
def outbox() -> Outbox:
    """Return where the codes arrive."""
    return Outbox()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a server in a folder of its own."""
    return Settings(folder=tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a new server, which puts its codes into a file."""
    folder = tmp_path / "ras"
    code = main(["init", "--folder", str(folder), "--delivery", f"file:{folder / 'codes'}"])
    assert code == 0
    return folder


@pytest.fixture
def app(settings: Settings, clock: MovableClock, outbox: Outbox) -> web.Application:
    """Return the application of an empty server."""
    app = create_app(settings, vault=Vault(MASTER_KEY), clock=clock, steady=clock.steady)

    async def deliver_here(app: web.Application) -> None:
        app[DELIVER] = outbox.deliver

    app.on_startup.append(deliver_here)
    return app


@pytest.fixture
def counter(app: web.Application) -> Counter:
    """Return the counter behind /v1/test/...; it has to be there before the server starts."""
    counter = Counter()
    counter.add_routes(app)
    return counter


@pytest.fixture
async def server(app: web.Application) -> AsyncIterator[TestServer]:
    """Return the running server."""
    server = TestServer(app)
    async with server:
        yield server


@pytest.fixture
async def client(server: TestServer, outbox: Outbox) -> AsyncIterator[Client]:
    """Return a caller without login."""
    async with ClientSession() as session:
        yield Client(session, str(server.make_url("/")), outbox)


@pytest.fixture
def secure(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with a certificate of the server's own."""
    cert, key = certificate(tmp_path)
    return replace(settings, cert=str(cert), key=str(key))


@pytest.fixture
async def url(secure: Settings) -> AsyncIterator[str]:
    """Return the address of a server that speaks TLS."""
    runner = web.AppRunner(create_app(secure, vault=Vault(MASTER_KEY)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(secure)).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
