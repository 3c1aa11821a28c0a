"""A real RAS on a loopback address, and a person with an account at it."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
import ssl
import time
from typing import Any, Final

from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
import pytest

from ras_server.account.delivery import DELIVER
from ras_server.app import create_app
from ras_server.settings import Settings
from ras_server.vault import Vault
from tests.ras_server.certificates import certificate
from tests.ras_server.client import PASSWORD, Client, Outbox

ACCOUNT: Final = "anna@example.org"
MASTER_KEY: Final = bytes(range(32))


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return what was logged, but for the harness's own storage, which tells all."""
    return "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("pytest")
    )


class MovableClock:
    """The time, and what a test adds to it."""

    def __init__(self) -> None:
        """Begin with the true time."""
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return Unix seconds."""
        return time.time() + self.ahead


class Certificate:
    """A certificate that nobody vouches for."""

    def __init__(self, folder: Path) -> None:
        """Make it, with a key of its own."""
        certificate_path, key_path = certificate(folder)
        made = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        self.fingerprint = made.fingerprint(hashes.SHA256())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate_path, key_path)


@dataclass(slots=True, kw_only=True)
class Ras:
    """A running RAS; `person` is Anna, who has an account and is logged in over HTTP."""

    url: str
    app: web.Application
    clock: MovableClock
    outbox: Outbox
    person: Client
    account: str = ACCOUNT
    password: str = PASSWORD

    @property
    def code(self) -> str:
        """Return the newest code that was sent to Anna."""
        return self.outbox.code(self.account)


@contextmanager
def refused_handshakes() -> Generator[None]:
    """Let the server's side of a refused certificate pass; it shares the loop of the client."""
    loop = asyncio.get_running_loop()
    strict = loop.get_exception_handler()

    def lenient(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "incoming connection" not in context["message"] and strict is not None:
            strict(loop, context)

    loop.set_exception_handler(lenient)
    yield
    loop.set_exception_handler(strict)


@asynccontextmanager
async def running_ras(
    folder: Path, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Ras]:
    """Run a RAS that keeps its data in the folder; a port other than 0 is used again."""
    clock, outbox = MovableClock(), Outbox()
    known = (folder / "ras.db").exists()
    app = create_app(Settings(folder=folder), vault=Vault(MASTER_KEY), clock=clock)

    async def deliver_here(app: web.Application) -> None:
        app[DELIVER] = outbox.deliver

    app.on_startup.append(deliver_here)
    scheme = "http" if tls is None else "https"
    server = TestServer(app, scheme=scheme, port=port or None)
    await server.start_server(ssl=tls)
    session = ClientSession(connector=TCPConnector(ssl=False))
    person = Client(session, str(server.make_url("/")), outbox)
    try:
        with refused_handshakes():
            await (person.log_in(ACCOUNT) if known else person.enter(ACCOUNT))
            yield Ras(url=person.url, app=app, clock=clock, outbox=outbox, person=person)
    finally:
        await session.close()
        await server.close()
