"""User registration (clause 7.1), the profile, and the reset of a password."""

import asyncio
import os
import threading
from typing import Any

from aiohttp import web
import pytest

from ras_server.housekeeping import tidy_up
from ras_server.keys import DATABASE, VAULT
from ras_server.message.push import PUSH
from ras_server.store import accounts
from ras_server.store.accounts import Account
from ras_server.vault import Vault, VaultError
from tests.ras_server.client import ANNA, BORIS, PASSWORD, Client, verifier
from tests.ras_server.conftest import MovableClock


async def test_register(client: Client) -> None:
    """A verified account becomes a user, whose second factor is that account."""
    answer = await client.register(ANNA)

    assert (answer.http, answer.code) == (201, 0)
    assert answer.data["user_id"].startswith("u-")
    assert answer.data["account"] == {"type": "email", "value": ANNA}
    assert answer.data["second_factor"] == ["email"]


async def test_register_twice(client: Client) -> None:
    """That an account is registered is told only to who owns it."""
    await client.register(ANNA)
    again = await client.register(ANNA)

    assert (again.http, again.code) == (409, 1002)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("email", "anna"),
        ("email", "anna@example"),
        ("email", "anna@example.org\n"),
        ("email", "anna b@example.org"),
        ("email", "anna@b@example.org"),
        ("email", f"{'a' * 65}@example.org"),
        ("email", f"a@{'b' * 62}.{'c' * 62}.{'d' * 62}.{'e' * 62}.org"),
        ("email", "\u202eanna@example.org"),
        ("email", BORIS),
        ("phone", "01701234567"),
        ("phone", "+49 170 1234567"),
        ("phone", "+491701234567890123"),
        ("phone", "+0123456789"),
        ("phone", ANNA),
    ],
)
async def test_malformed_account(client: Client, type_: str, value: str) -> None:
    """What is neither a phone number in E.164 nor a plain e-mail address is refused."""
    account = {"type": type_, "value": value}
    answer = await client.post(
        "/v1/users/verification", {"account": account, "purpose": "register"}
    )

    assert answer.http == 400
    assert answer.code in (1001, 4001)  # control characters do not get as far as the account


async def test_three_codes_an_hour(client: Client, clock: MovableClock) -> None:
    """An account is sent three codes an hour, and no more."""
    body = {"account": {"type": "email", "value": ANNA}, "purpose": "register"}
    sent = [await client.post("/v1/users/verification", body) for _ in range(4)]
    clock.move(3601)
    later = await client.post("/v1/users/verification", body)

    assert [each.code for each in sent] == [0, 0, 0, 5003]
    assert sent[3].data["retry_after"] == int(sent[3].headers["Retry-After"])
    assert later.code == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"verification_code": "000000"}, id="code"),
        pytest.param({"verification_id": "v-unknown"}, id="id"),
        pytest.param({"account": {"type": "email", "value": "b@example.org"}}, id="account"),
    ],
)
async def test_wrong_verification(client: Client, change: dict[str, Any]) -> None:
    """A code holds for its own request and its own account."""
    proved = await client.verified(ANNA)
    rest = {"display_name": "Anna", "scram": verifier(PASSWORD)}
    wrong = await client.post("/v1/users/register", proved | rest | change)
    right = await client.post("/v1/users/register", proved | rest)

    assert (wrong.http, wrong.code) == (403, 1003)
    assert right.http == 201


async def test_purpose_of_a_code(client: Client) -> None:
    """A code for registration resets no password."""
    await client.register(ANNA)
    proved = await client.verified(ANNA, "register")

    answer = await client.post("/v1/users/reset", proved | {"scram": verifier(PASSWORD)})

    assert answer.code == 1003


async def test_code_expires(client: Client, clock: MovableClock) -> None:
    """A code is good for ten minutes."""
    proved = await client.verified(ANNA)
    clock.move(600)
    rest = {"display_name": "Anna", "scram": verifier(PASSWORD)}

    assert (await client.post("/v1/users/register", proved | rest)).code == 1003


async def test_code_works_once(client: Client) -> None:
    """A code that was used is worthless."""
    proved = await client.verified(ANNA)
    rest = {"display_name": "Anna", "scram": verifier(PASSWORD)}
    await client.post("/v1/users/register", proved | rest)

    assert (await client.post("/v1/users/register", proved | rest)).code == 1003


async def test_guessing_a_code(client: Client) -> None:
    """After five wrong codes the right one is worthless; a new one has to be sent."""
    proved = await client.verified(ANNA)
    rest = {"display_name": "Anna", "scram": verifier(PASSWORD)}
    for guess in range(5):
        wrong = {"verification_code": f"x{guess}"}
        await client.post("/v1/users/register", proved | rest | wrong)
    locked = await client.post("/v1/users/register", proved | rest)
    again = await client.verified(ANNA)

    assert (locked.http, locked.code) == (403, 1003)
    assert (await client.post("/v1/users/register", again | rest)).http == 201


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        pytest.param({"display_name": ""}, "/display_name", id="no name"),
        pytest.param({"display_name": "x" * 101}, "/display_name", id="long name"),
        pytest.param({"locale": "de_DE"}, "/locale", id="locale"),
        pytest.param({"scram": {"iterations": 4096}}, "/scram/iterations", id="few iterations"),
        pytest.param({"scram": {"iterations": 10**8}}, "/scram/iterations", id="many iterations"),
        pytest.param({"scram": {"iterations": True}}, "/scram/iterations", id="boolean"),
        pytest.param({"scram": {"salt": "AAAA"}}, "/scram/salt", id="short salt"),
        pytest.param({"scram": {"stored_key": "AAAA"}}, "/scram/stored_key", id="short key"),
        pytest.param({"scram": {"server_key": "?"}}, "/scram/server_key", id="no base64"),
        pytest.param({"scram": {"mechanism": "SCRAM-SHA-1"}}, "/scram/mechanism", id="mechanism"),
    ],
)
async def test_malformed_registration(client: Client, change: dict[str, Any], pointer: str) -> None:
    """What is wrong with a registration is said with the place where it is."""
    proved = await client.verified(ANNA)
    scram = verifier(PASSWORD) | change.pop("scram", {})
    fields = {"display_name": "Anna", "scram": scram} | change

    answer = await client.post("/v1/users/register", proved | fields)

    assert (answer.http, answer.code) == (400, 4001)
    assert [each["pointer"] for each in answer.data["errors"]] == [pointer]


async def test_verifier_is_sealed(client: Client, app: web.Application) -> None:
    """The database alone opens no verifier, and a verifier fits only its own user."""
    await client.register(ANNA)
    user = accounts.user_of_account(app[DATABASE], Account("email", ANNA))
    assert user is not None

    opened = app[VAULT].open(user.scram, table="user", row=user.user_id, column="scram")
    assert b"stored_key" in opened
    with pytest.raises(VaultError):
        app[VAULT].open(user.scram, table="user", row="u-other", column="scram")
    with pytest.raises(VaultError):
        Vault(bytes(32)).open(user.scram, table="user", row=user.user_id, column="scram")


async def test_reset(client: Client) -> None:
    """A new password ends the old one, every login, every trust and every gateway secret."""
    await client.register(ANNA)
    trust = (await client.log_in(ANNA, trust=True)).data["trust_token"]
    made = await client.post("/v1/gateways", {"name": "H", "kind": "phone", "version": "1"})
    gateway = await client.another().log_in_gateway(made.data)
    proved = await client.verified(ANNA, "reset")
    reset = await client.post("/v1/users/reset", proved | {"scram": verifier("a new password")})

    assert reset.code == 0
    assert (await client.get("/v1/users/me")).code == 1007
    assert (await gateway.post(f"/v1/gateways/{gateway.gateway_id}/rotate")).code == 1007
    refused = await client.post("/v1/auth/gateway", made.data)
    assert (refused.http, refused.code) == (401, 1004)
    _, old = await client.prove(ANNA)
    _, new = await client.prove(ANNA, "a new password", trust_token=trust)
    assert old.code == 1004
    assert new.data["next"] == "second_factor"


async def test_gateway_comes_back_after_reset(client: Client) -> None:
    """After a reset the user gives his gateway a new secret, and it is the same gateway."""
    await client.enter(ANNA)
    gateway = await client.gateway()
    proved = await client.verified(ANNA, "reset")
    await client.post("/v1/users/reset", proved | {"scram": verifier(PASSWORD)})
    await client.log_in(ANNA)
    rotated = await client.post(f"/v1/gateways/{gateway.gateway_id}/rotate")
    await gateway.log_in_gateway(rotated.data)

    assert rotated.data["gateway_id"] == gateway.gateway_id


async def test_reset_during_login(client: Client) -> None:
    """A login that began with the old password is not finished after a reset."""
    await client.register(ANNA)
    sasl_id, _ = await client.prove(ANNA)
    code = client.outbox.code(ANNA)
    proved = await client.verified(ANNA, "reset")
    await client.post("/v1/users/reset", proved | {"scram": verifier("a new password")})

    body = {"sasl_id": sasl_id, "method": "email", "code": code}
    assert (await client.post("/v1/auth/second-factor", body)).code == 1004


async def test_reset_of_unknown_account(client: Client) -> None:
    """That an account is unknown is told only to who owns it."""
    proved = await client.verified(ANNA, "reset")
    answer = await client.post("/v1/users/reset", proved | {"scram": verifier(PASSWORD)})

    assert (answer.http, answer.code) == (404, 4005)


async def test_change_profile(client: Client) -> None:
    """A change needs the newest revision."""
    await client.enter(ANNA)
    changed = await client.request("PATCH", "/v1/users/me", {"rev": 1, "display_name": "Anne"})
    late = await client.request("PATCH", "/v1/users/me", {"rev": 1, "display_name": "Anja"})

    assert (changed.data["display_name"], changed.data["rev"]) == ("Anne", 2)
    assert (late.http, late.code) == (412, 4007)
    assert (await client.get("/v1/users/me")).data["display_name"] == "Anne"


async def test_remove_user(client: Client) -> None:
    """A user who leaves takes his gateways and logins along, and may come back as a new one."""
    await client.enter(ANNA)
    gateway = await client.gateway()
    before = client.user_id
    removed = await client.request("DELETE", "/v1/users/me")

    assert removed.code == 0
    assert (await client.get("/v1/users/me")).code == 1007
    assert (await gateway.post(f"/v1/gateways/{gateway.gateway_id}/rotate")).code == 1007
    _, proved = await client.prove(ANNA)
    assert proved.code == 1004
    again = await client.register(ANNA)
    assert again.data["user_id"] != before


async def test_remove_user_needs_fresh_login(client: Client, clock: MovableClock) -> None:
    """Five minutes after the login the dangerous things ask for a new one."""
    await client.enter(ANNA)
    clock.move(301)
    answer = await client.request("DELETE", "/v1/users/me")

    assert (answer.http, answer.code) == (401, 1005)


async def test_durable_before_the_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of an account is answered only once it is on the disk."""
    await client.enter(ANNA)
    flushing, go_on = threading.Event(), threading.Event()

    def flush(_: int) -> None:
        flushing.set()
        go_on.wait(10)

    monkeypatch.setattr(os, "fdatasync", flush)
    body = {"name": "H", "kind": "phone", "version": "1"}
    asking = asyncio.ensure_future(client.post("/v1/gateways", body))
    await asyncio.to_thread(flushing.wait, 10)
    reading = await client.get("/v1/users/me")
    before = asking.done()
    go_on.set()

    assert reading.code == 0  # nobody else has to wait
    assert not before
    assert (await asking).http == 201


async def test_housekeeping(client: Client, app: web.Application, clock: MovableClock) -> None:
    """What has run out is dropped; what has not is kept."""
    await client.enter(ANNA)
    await client.gateway()
    statements = (
        "SELECT 1 FROM session",
        "SELECT 1 FROM token",
        "SELECT 1 FROM verification",
        "SELECT 1 FROM answer",
        "SELECT 1 FROM message",
    )

    def rows() -> dict[str, int]:
        return {each: len(app[DATABASE].all(each)) for each in statements}

    app[PUSH].publish(f"user:{client.user_id}", 3, {}, src="ras:n1")
    tidy_up(app)
    kept = rows()
    clock.move(31 * 24 * 3600)
    tidy_up(app)

    assert all(kept.values()), kept
    assert not any(rows().values()), rows()
    assert (await client.prove(ANNA))[1].code == 0
