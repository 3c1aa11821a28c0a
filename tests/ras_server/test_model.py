"""Sessions, grants and operations against a model of a page, in random order over HTTP.

The model is written from the description, not with the functions it checks. A real lock is carried
through its gateway, so that what was allowed has to move the bolt, and nothing else may.

    RAS_MODEL_EXAMPLES=200 pytest tests/ras_server/test_model.py -s
"""

from datetime import UTC, datetime
import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
import pytest

from tests.ras_server.application.test_operations import online
from tests.ras_server.client import Answer, Client
from tests.ras_server.model import (
    ACCESS,
    FRESH,
    GUEST,
    OWNER,
    PEOPLE,
    PINS,
    RIGHTS,
    Allowance,
    Session,
    World,
    judged,
)

EXAMPLES = int(os.environ.get("RAS_MODEL_EXAMPLES", "20"))
STEPS = 50


class Model(World):
    """Whatever anybody does, the server answers as the description says."""

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
        again=st.sampled_from((True, True, False)),
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

    @precondition(lambda self: any(self.grants.values()))
    @rule(data=st.data(), command=st.sampled_from(("lock", "unlock", "unlock", "open")))
    def use(self, data: st.DataObject, command: str) -> None:
        """Somebody uses a grant, with its own PIN; it may be long over."""
        known = [(name, each) for name, all_ in self.grants.items() for each in all_]
        name, grant = data.draw(st.sampled_from(known), label="grant")
        self.attempt(name, command, pin=grant.pin, by_gateway=True)

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
        print(f" {World.steps} steps", end="")  # noqa: T201 - the figure of this test
    assert World.steps > EXAMPLES
