"""The world of test_model, and what the description says of grants and logins.

Written from the description, not with the functions that it checks.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
import tempfile
from typing import Any, ClassVar

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
import orjson

from ras_server.account.delivery import DELIVER
from ras_server.app import create_app
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from ras_server.store import audit
from ras_server.vault import Vault
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Client, Outbox
from tests.ras_server.conftest import MASTER_KEY, MovableClock

ACCESS = 900  # seconds
FRESH = 300  # seconds
GUEST = 900  # seconds

PEOPLE = ("anna", "ben", "carl")
OWNER = "anna"
PINS = (None, "1234", "9999")
RIGHTS = ("lock", "unlock", "open")


@dataclass
class Session:
    """A login: its present tokens, and the refresh tokens that were used up."""

    access: str
    refresh: str
    login_at: int
    expires: int
    alive: bool = True
    spent: list[str] = field(default_factory=list)


@dataclass
class Allowance:
    """A grant as the model knows it."""

    grant_id: str
    rights: tuple[str, ...]
    until: int | None
    days: tuple[int, ...]
    pin: str | None
    most: int | None
    spent: int = 0
    revoked: bool = False
    wrong: int = 0
    wait_until: int = 0


def judged(
    grant: Allowance, command: str, pin: str | None, now: int, *, lockdown: bool
) -> tuple[int, int]:
    """Return how far a wish comes with a grant, and the code it is refused with."""
    ended = grant.revoked or (grant.until is not None and now >= grant.until)
    refusals: list[tuple[bool, int]] = [(ended, 3003), (command not in grant.rights, 3001)]
    if command != "lock":
        weekday = datetime.fromtimestamp(now, UTC).isoweekday()
        refusals += [
            (bool(grant.days) and weekday not in grant.days, 3002),
            (lockdown, 3001),
            (grant.pin is not None and now < grant.wait_until, 1006),
            (grant.pin is not None and pin is None, 3006),
            (grant.pin is not None and pin != grant.pin, 3007),
            (grant.most is not None and grant.spent >= grant.most, 3005),
        ]
    for number, (refuses, code) in enumerate(refusals):
        if refuses:
            return number, code
    return len(refusals), 0


class World(RuleBasedStateMachine):
    """Three people, one lock and its server; nothing is done with them yet."""

    steps: ClassVar[int] = 0
    """All that was done, in every world."""

    def __init__(self) -> None:
        """Begin with nothing; `prepare` builds it all."""
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.sessions: dict[str, list[Session]] = {name: [] for name in PEOPLE}
        self.grants: dict[str, list[Allowance]] = {name: [] for name in PEOPLE}
        self.logins: dict[str, list[int]] = {name: [] for name in PEOPLE}
        self.bolt = "locked"
        self.lockdown = False
        self.decisions = 0

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the loop of the server."""
        return self.loop.run_until_complete(work)

    @property
    def now(self) -> int:
        """Return the time of server and lock."""
        return int(self.clock())

    @initialize()
    def prepare(self) -> None:
        """Start a server; register three people, a gateway and a lock in a site."""
        self.run(self._prepare())

    async def _prepare(self) -> None:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.clock = MovableClock()
        self.clock.stop()
        outbox = Outbox()
        self.app = create_app(
            Settings(folder=folder, limits=False), vault=Vault(MASTER_KEY), clock=self.clock
        )

        async def deliver_here(app: web.Application) -> None:
            app[DELIVER] = outbox.deliver

        self.app.on_startup.append(deliver_here)
        server = await self.stack.enter_async_context(TestServer(self.app))
        http = await self.stack.enter_async_context(ClientSession())
        self.client = Client(http, str(server.make_url("/")), outbox)
        self.ids = {}
        for name in PEOPLE:
            registered = await self.client.register(f"{name}@example.org")
            self.ids[name] = registered.data["user_id"]
            await self._log_in(name)
        owner = self._caller(OWNER)
        made = await owner.post(
            "/v1/gateways", {"name": "Home", "kind": "home_assistant", "version": "1"}
        )
        self.credentials = made.data
        self.gateway = Gateway(await self.client.another().log_in_gateway(made.data))
        self.gateway_until = self.now + ACCESS
        self.door = Door(self.clock)
        self.door.lock.press_button(1)
        answer = await self.gateway.register(self.door)
        assert answer.data["result"]["code"] == 0, answer
        await self.gateway.see(self.door)
        site = await owner.post("/v1/sites", {"name": "Home"})
        self.site = f"/v1/sites/{site.data['site_id']}"
        put = await owner.request("PUT", f"{self.site}/devices/{self.door.device_id}")
        assert put.http == 200, put
        self.rev = put.data["rev"]
        self.device = f"/v1/devices/{self.door.device_id}"

    def _caller(self, name: str) -> Client:
        return self.client.another(self.sessions[name][-1].access)

    async def _log_in(self, name: str) -> None:
        done = await self.client.another().log_in(f"{name}@example.org")
        self.sessions[name].append(
            Session(
                access=done.data["access_token"],
                refresh=done.data["refresh_token"],
                login_at=self.now,
                expires=self.now + ACCESS,
            )
        )
        self.logins[name].append(self.now)

    async def _gateway_is_in(self) -> None:
        if self.now >= self.gateway_until - 60:
            await self.gateway.client.log_in_gateway(self.credentials)
            self.gateway_until = self.now + ACCESS

    @invariant()
    def count(self) -> None:
        """Count the steps, and let time pass: a frame of the lock needs a second of its own."""
        World.steps += 1
        if hasattr(self, "clock"):
            self.clock.move(2)

    @invariant()
    def bolt_is_where_it_belongs(self) -> None:
        """Nothing but an allowed operation has moved the bolt."""
        if hasattr(self, "door"):
            assert self.door.lock.show()["bolt"] == self.bolt

    async def _audited(self) -> None:
        """Check that the chain is whole, and holds one entry for each decision on an operation."""
        await self._gateway_is_in()
        checked = await self.gateway.client.post("/v1/audit/verify", {})
        assert checked.data["ok"], checked
        entries = audit.chunks(self.app[DATABASE], 1, None)
        actions = [orjson.loads(row.entry)["action"] for rows in entries for row in rows]
        decided = sum(action.startswith("access.") for action in actions)
        assert decided == self.decisions

    def teardown(self) -> None:
        """Check the audit: an unbroken chain with one entry for each decision."""
        try:
            if hasattr(self, "door"):
                self.run(self._audited())
        finally:
            self.run(self.stack.aclose())
            self.run(self.loop.shutdown_default_executor())
            self.loop.close()
