"""A server whose archives are kept safe, and a home before and after a restore."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import os
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from ras_server.account.delivery import DELIVER
from ras_server.app import create_app
from ras_server.backup import Restored, restore, workplace, write
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from ras_server.vault import Vault
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import online, operate, unlock
from tests.ras_server.client import Client, Outbox
from tests.ras_server.conftest import MovableClock

PASSPHRASE: Final = "a long passphrase"
ANNA: Final = "anna@example.org"


class Safe:
    """Makes archives of a server, and goes back to them."""

    def __init__(
        self, app: web.Application, server: TestServer, settings: Settings, clock: MovableClock
    ) -> None:
        """Keep one server safe."""
        self.app = app
        self.server = server
        self.settings = settings
        self.clock = clock
        self.path: Path
        self._archives = 0
        self.outbox = Outbox()

    async def save(self) -> Path:
        """Write an archive, and return where it is."""
        self._archives += 1
        self.path = self.settings.folder / f"archive-{self._archives}"
        await self.app[DATABASE].settle()
        with workplace(self.settings) as place:
            self.app[DATABASE].backup(place / "ras.db")
            write(self.settings, place, self.path, PASSPHRASE, int(self.clock()))
        return self.path

    async def restore(self, archive: Path | None = None) -> Restored:
        """Stop the server, and go back to an archive: the newest, if none is named."""
        await self.server.close()
        return await restore(
            self.settings,
            archive or self.path,
            PASSPHRASE,
            clock=self.clock,
            random=os.urandom,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Client]:
        """Start a server anew, which is the one that is saved; return a caller without login."""
        app = create_app(
            self.settings, vault=Vault.from_file(self.settings.master_key), clock=self.clock
        )

        async def deliver_here(app: web.Application) -> None:
            app[DELIVER] = self.outbox.deliver

        app.on_startup.append(deliver_here)
        self.app = app
        async with TestServer(app) as server, ClientSession() as session:
            yield Client(session, str(server.make_url("/")), self.outbox)


class Home:
    """A person, his gateway and his lock, before and after a restore."""

    def __init__(self, safe: Safe, owner: Client, gateway: Gateway, door: Door) -> None:
        """Begin with a server that runs."""
        self.safe = safe
        self.owner = owner
        self.gateway = gateway
        self.door = door
        self.credentials: dict[str, str] = {}

    async def save(self) -> Path:
        """Write an archive; the secret of the gateway is known from now on."""
        rotated = await self.gateway.client.post(f"/v1/gateways/{self.gateway.id}/rotate")
        self.credentials = rotated.data
        return await self.safe.save()

    async def deliver(self, times: int = 3) -> None:
        """Have the lock told what it is to be told."""
        for _ in range(times):
            await self.gateway.open(self.door, "deliver")
            self.safe.clock.move(61)

    async def rekey(self) -> None:
        """Give the lock another key."""
        asked = await self.owner.post(
            f"/v1/devices/{self.door.device_id}/rekey", {"reason": "compromise"}
        )
        assert asked.http == 202, asked
        before = int(self.door.lock.show()["generation"])
        await self.deliver()
        assert self.door.lock.show()["generation"] == before + 1

    @asynccontextmanager
    async def again(self, archive: Path | None = None) -> AsyncIterator[None]:
        """Go back to an archive, the newest if none is named; log in at the server that follows."""
        await self.safe.restore(archive)
        async with self.safe.serving() as client:
            await client.log_in(ANNA)
            self.owner = client
            self.gateway = Gateway(await client.another().log_in_gateway(self.credentials))
            await self.gateway.see(self.door)
            yield

    async def opens(self) -> bool:
        """Return whether the owner opens his door."""
        async with online(self.gateway, self.door):
            for _ in range(4):
                answer = await operate(self.owner, self.door, unlock(self.safe.clock))
                if answer.code == 0:
                    return self.door.lock.show()["bolt"] == "unlocked"
                self.safe.clock.move(61)
                await self.gateway.see(self.door)
        return False
