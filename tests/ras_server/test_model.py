"""Sessions, grants and operations against a model of a page, in random order over HTTP.

The model is written from the description, not with the functions it checks. A real lock is carried
through its gateway, so that what was allowed has to move the bolt, and nothing else may.

    RAS_MODEL_EXAMPLES=200 pytest tests/ras_server/test_model.py -s
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
import os
from pathlib import Path
import tempfile
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
import orjson
import pytest

from ras_server.account.delivery import DELIVER
from ras_server.app import create_app
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from ras_server.store import audit
from ras_server.vault import Vault
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import online
from tests.ras_server.client import Answer, Client, Outbox
from tests.ras_server.conftest import MASTER_KEY, MovableClock

EXAMPLES = int(os.environ.get("RAS_MODEL_EXAMPLES", "10"))
STEPS = 50
ACCESS = 900  # seconds
FRESH = 300  # seconds
GUEST = 900  # seconds

PEOPLE = ("anna", "ben", "carl")
OWNER = "anna"
PINS = (None, "1234", "9999")
RIGHTS = ("lock", "unlock", "open")

steps = 0


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


class Model(RuleBasedStateMachine):
    """Three people, one lock, and what the description says of them."""

    def __init__(self) -> None:
        """Begin with nothing; `prepare` builds the world."""
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
        global steps  # noqa: PLW0603 - printed at the end
        steps += 1
        if hasattr(self, "clock"):
            self.clock.move(2)

    @invariant()
    def bolt_is_where_it_belongs(self) -> None:
        """Nothing but an allowed operation has moved the bolt."""
        if hasattr(self, "door"):
            assert self.door.lock.show()["bolt"] == self.bolt

    # Sessions

    def _alive(self, session: Session) -> bool:
        return session.alive and self.now < session.expires

    @rule(name=st.sampled_from(PEOPLE))
    def log_in(self, name: str) -> None:
        """A person logs in once more."""
        if self._may_log_in(name):
            self.run(self._log_in(name))

    def _may_log_in(self, name: str) -> bool:
        """Return whether a code is sent to an account: five an hour."""
        return sum(at > self.now - 3600 for at in self.logins[name]) < 4

    @rule(name=st.sampled_from(PEOPLE), which=st.integers(0, 3))
    def use_session(self, name: str, which: int) -> None:
        """A token works until it expires, or its login has ended."""
        session = self.sessions[name][which % len(self.sessions[name])]
        answer = self.run(self.client.another(session.access).get("/v1/users/me"))
        assert answer.code == (0 if self._alive(session) else 1007)

    @rule(name=st.sampled_from(PEOPLE), which=st.integers(0, 3))
    def refresh(self, name: str, which: int) -> None:
        """A refresh token gives a new pair, once."""
        session = self.sessions[name][which % len(self.sessions[name])]
        answer = self.run(
            self.client.another().post("/v1/auth/refresh", {"refresh_token": session.refresh})
        )
        assert answer.code == (0 if session.alive else 1007)
        if session.alive:
            session.spent.append(session.refresh)
            session.refresh = answer.data["refresh_token"]
            session.access = answer.data["access_token"]
            session.expires = self.now + ACCESS

    @precondition(lambda self: any(each.spent for all_ in self.sessions.values() for each in all_))
    @rule(data=st.data())
    def reuse(self, data: st.DataObject) -> None:
        """A refresh token that is used again ends its login."""
        known = [each for all_ in self.sessions.values() for each in all_ if each.spent]
        session = data.draw(st.sampled_from(known), label="login")
        stolen = session.spent[0]
        answer = self.run(self.client.another().post("/v1/auth/refresh", {"refresh_token": stolen}))
        assert answer.code == 1007
        session.alive = False

    @rule(name=st.sampled_from(PEOPLE), everywhere=st.booleans())
    def log_out(self, name: str, *, everywhere: bool) -> None:
        """A logout ends this login, or all of them."""
        session = self.sessions[name][-1]
        answer = self.run(
            self.client.another(session.access).post("/v1/auth/logout", {"all": everywhere})
        )
        alive = self._alive(session)
        assert answer.code == (0 if alive else 1007)
        if alive:
            for each in self.sessions[name] if everywhere else (session,):
                each.alive = False

    @rule(seconds=st.sampled_from((5, 30, 60, 120, 301, 901, 90_000)))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.move(seconds)

    # Grants

    def _fresh(self, *, again: bool) -> int:
        """Return the code of a change by the owner's last login, which may be a new one."""
        if again and self._may_log_in(OWNER):
            self.run(self._log_in(OWNER))
        session = self.sessions[OWNER][-1]
        if not self._alive(session):
            return 1007
        return 1005 if self.now - session.login_at > FRESH else 0

    @rule(
        name=st.sampled_from(PEOPLE[1:]),
        rights=st.lists(st.sampled_from(RIGHTS), min_size=1, unique=True),
        life=st.sampled_from((None, 100, 1000, 100_000)),
        days=st.sampled_from(((), (1, 2, 3), (4, 5, 6, 7))),
        pin=st.sampled_from(PINS),
        most=st.sampled_from((None, None, 1, 2)),
        again=st.booleans(),
    )
    def give(
        self,
        name: str,
        rights: list[str],
        *,
        life: int | None,
        days: tuple[int, ...],
        pin: str | None,
        most: int | None,
        again: bool,
    ) -> None:
        """The owner gives a grant."""
        until = None if life is None else self.now + life
        body = {
            "subject": {"kind": "user", "user_id": self.ids[name]},
            "rights": rights,
            "valid": {"until": until, "weekdays": list(days) or None, "tz": "UTC"},
            "pin": pin,
            "uses": {"max": most},
        }
        live = [each for each in self.grants[name] if not each.revoked]
        if len(live) >= 4:
            return
        expected = self._fresh(again=again)
        answer = self.run(self._caller(OWNER).post(f"{self.device}/grants", body))
        assert answer.code == expected, answer
        if not answer.code:
            self.grants[name].append(
                Allowance(answer.data["grant_id"], tuple(rights), until, days, pin, most)
            )

    @rule(name=st.sampled_from(PEOPLE[1:]), which=st.integers(0, 3), again=st.booleans())
    def revoke(self, name: str, which: int, *, again: bool) -> None:
        """The owner ends a grant."""
        if not (known := self.grants[name]):
            return
        expected = self._fresh(again=again)
        grant = known[which % len(known)]
        answer = self.run(self._caller(OWNER).request("DELETE", f"/v1/grants/{grant.grant_id}"))
        assert answer.code == expected, answer
        if not answer.code:
            grant.revoked = True

    @rule(lockdown=st.sampled_from((True, True, False)), again=st.booleans())
    def lock_down(self, *, lockdown: bool, again: bool) -> None:
        """The owner shuts the site, or opens it again."""
        expected = self._fresh(again=again)
        answer = self.run(
            self._caller(OWNER).request("PATCH", self.site, {"rev": self.rev, "lockdown": lockdown})
        )
        assert answer.code == expected, answer
        if not answer.code:
            self.rev, self.lockdown = answer.data["rev"], lockdown

    # Operations

    def _expected(self, name: str, command: str, pin: str | None) -> tuple[int, Allowance | None]:
        """Return the code of a wish, and the grant it rests on; count wrong PINs."""
        if name == OWNER:
            return 0, None
        found: list[tuple[int, int, Allowance]] = []
        for grant in self.grants[name]:
            passed, code = judged(grant, command, pin, self.now, lockdown=self.lockdown)
            if not code:
                if grant.pin is not None and command != "lock":
                    grant.wrong = grant.wait_until = 0
                return 0, grant
            found.append((passed, code, grant))
        for _, code, grant in found:
            if code == 3007:
                grant.wrong += 1
                if grant.wrong >= 5:
                    grant.wait_until = self.now + min(3600, 60 * 2 ** (grant.wrong - 5))
        if not found:
            return 2001, None
        return max(found, key=lambda each: each[0])[1], None

    @rule(
        name=st.sampled_from((*PEOPLE, *PEOPLE[1:])),
        command=st.sampled_from(("lock", "unlock", "unlock", "open")),
        pin=st.sampled_from((*PINS, *PINS, "0000")),
        by_gateway=st.booleans(),
    )
    def operate(self, name: str, command: str, *, pin: str | None, by_gateway: bool) -> None:
        """Somebody operates the lock: himself, or through the gateway of the home."""
        self.attempt(name, command, pin=pin, by_gateway=by_gateway)

    def attempt(self, name: str, command: str, *, pin: str | None, by_gateway: bool) -> None:
        """Make a wish, and compare what comes of it."""
        body: dict[str, Any] = {"cmd": command, "expires": self.now + 30}
        if pin is not None:
            body["pin"] = pin
        session = self.sessions[name][-1]
        if by_gateway:
            body["person"] = self.ids[name]
        elif not self._alive(session):
            answer = self.run(self._caller(name).post(f"{self.device}/operate", body))
            assert answer.code == 1007
            return
        expected, grant = self._expected(name, command, pin)
        if by_gateway and expected == 2001:
            expected = 3001
        self.decisions += expected != 2001
        self.run(self._gateway_is_in())
        caller = self.gateway.client if by_gateway else self._caller(name)
        answer = self.run(self._operate(caller, body))
        assert answer.code == expected, answer
        if not expected:
            self.bolt = {"lock": "locked", "unlock": "unlocked", "open": "open"}[command]
            if grant is not None and command != "lock":
                grant.spent += 1

    async def _operate(self, caller: Client, body: dict[str, Any]) -> Answer:
        async with online(self.gateway, self.door):
            return await caller.post(f"{self.device}/operate", body)

    @rule(name=st.sampled_from(PEOPLE[1:]), pin=st.sampled_from(PINS))
    def unlock_by_gateway(self, name: str, *, pin: str | None) -> None:
        """The commonest of all."""
        self.attempt(name, "unlock", pin=pin, by_gateway=True)

    @rule(name=st.sampled_from(PEOPLE))
    def ticket(self, name: str) -> None:
        """The home's gateway asks for a ticket of a person: it says no more than his grants."""
        self.run(self._gateway_is_in())
        answer = self.run(
            self.gateway.client.post(
                f"{self.device}/tickets", {"gateway_id": self.gateway.id, "person": self.ids[name]}
            )
        )
        if name == OWNER:
            assert answer.code == 0
            return
        allowed = [
            each
            for each in self.grants[name]
            if judged(each, "lock", None, self.now, lockdown=False)[1] in {0, 3001}
            and each.pin is None
            and each.most is None
            and (not each.days or datetime.fromtimestamp(self.now, UTC).isoweekday() in each.days)
        ]
        if answer.code:
            assert not allowed or answer.code in {3001, 3003}, answer
            return
        (issued,) = answer.data["tickets"]
        grant = allowed[0]
        rights = set(grant.rights) & ({"lock"} if self.lockdown else set(RIGHTS))
        assert set(issued["rights"]) == rights
        assert issued["expires"] <= self.now + GUEST
        assert grant.until is None or issued["expires"] <= grant.until

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


@pytest.mark.timeout(1800)
def test_model(capsys: Any) -> None:
    """No order of logins, grants and operations lets the server and the model disagree."""
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],  # the steps are printed; shrinking takes long
            derandomize="RAS_MODEL_EXAMPLES" not in os.environ,
        ),
    )
    with capsys.disabled():
        print(f" {steps} steps", end="")  # noqa: T201 - the figure of this test
    assert steps > EXAMPLES
