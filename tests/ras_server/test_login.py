"""User authentication: SCRAM, the second factor, tokens (clause 7.2)."""

from base64 import b64decode, b64encode
from typing import Any

from aiohttp import web
import pytest

from ras_server.account.login import LOGINS
from ras_server.account.sasl import Exchange
from ras_server.account.scram import ScramError, Verifier
from tests.ras_server.client import ANNA, BORIS, Client, text
from tests.ras_server.conftest import MovableClock

NOBODY = "nobody@example.org"

CLIENT_FIRST = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SERVER_FIRST = f"r=rOprNGfwEbeRWgbNEkqO{SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    f"c=biws,r=rOprNGfwEbeRWgbNEkqO{SERVER_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
PENCIL = Verifier(
    salt=b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="),
    iterations=4096,
    stored_key=b64decode("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="),
    server_key=b64decode("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="),
)


def encode(message: str) -> str:
    """Return a SASL message as it is sent."""
    return b64encode(message.encode()).decode()


def test_example_of_rfc_7677() -> None:
    """The server's messages are those of the example in RFC 7677."""
    exchange = Exchange(CLIENT_FIRST, lambda _: PENCIL, SERVER_NONCE)

    assert exchange.challenge == SERVER_FIRST
    assert exchange.prove(CLIENT_FINAL) == SERVER_FINAL


@pytest.mark.parametrize(
    "final",
    [
        pytest.param(CLIENT_FINAL.replace("p=dHz", "p=dHy"), id="proof"),
        pytest.param(CLIENT_FINAL.replace("%hvY", "%hvX"), id="nonce"),
        pytest.param(CLIENT_FINAL.replace("c=biws", "c=eSws"), id="channel binding"),
        pytest.param("", id="nothing"),
    ],
)
def test_wrong_proof(final: str) -> None:
    """Any change in the final message is refused."""
    exchange = Exchange(CLIENT_FIRST, lambda _: PENCIL, SERVER_NONCE)

    with pytest.raises(ScramError):
        exchange.prove(final)


@pytest.mark.parametrize("account", [ANNA, BORIS])
async def test_login(client: Client, account: str) -> None:
    """A registered user logs in with password and code, and may then ask who he is."""
    registered = await client.register(account)
    done = await client.log_in(account)
    me = await client.get("/v1/users/me")

    assert done.data["expires_in"] == 900
    assert done.data["refresh_expires_in"] == 2592000
    assert me.data["user_id"] == registered.data["user_id"] == done.data["user_id"]
    assert me.data["account"]["value"] == account


async def test_domain_in_capitals(client: Client) -> None:
    """The domain of an e-mail address may be written in any case."""
    await client.register(ANNA)
    _, proved = await client.prove("anna@EXAMPLE.org")

    assert proved.data["next"] == "second_factor"


async def test_without_second_factor(client: Client) -> None:
    """The right password alone opens nothing."""
    await client.register(ANNA)
    sasl_id, proved = await client.prove(ANNA)

    assert proved.data["next"] == "second_factor"
    assert proved.data["methods"] == ["email"]
    assert "access_token" not in proved.data
    assert (await client.get("/v1/users/me")).code == 1007
    again = await client.post("/v1/auth/sasl/step", {"sasl_id": sasl_id, "data": encode("x")})
    assert again.code == 4005


async def test_enumeration(client: Client) -> None:
    """An unknown account is answered as a known one with a wrong password, to the last step."""
    await client.register(ANNA)
    start: dict[str, Any] = {"mechanism": "SCRAM-SHA-256"}
    shapes, salts = [], []
    for account in (ANNA, NOBODY, NOBODY):
        initial = encode(f"n,,n={account},r=abcdefgh")
        started = await client.post("/v1/auth/sasl/start", start | {"initial": initial})
        challenge = dict(part.split("=", 1) for part in text(started.data["data"]).split(","))
        salts.append(challenge["s"])
        _, stepped = await client.prove(account, "wrong password")
        shapes.append(
            (
                started.http,
                sorted(started.data),
                len(b64decode(challenge["s"])),
                stepped.http,
                stepped.code,
                stepped.body["msg"],
                sorted(stepped.data),
            )
        )

    assert shapes[0] == shapes[1]
    assert shapes[0][3:5] == (401, 1004)
    assert salts[1] == salts[2] != salts[0]


async def test_enumeration_of_codes(client: Client) -> None:
    """Who asks for a code does not learn whether the account is registered."""
    await client.register(ANNA)
    answers = [
        await client.post(
            "/v1/users/verification",
            {"account": {"type": "email", "value": account}, "purpose": purpose},
        )
        for account in (ANNA, NOBODY)
        for purpose in ("register", "reset")
    ]

    assert {(each.http, *sorted(each.data), each.data["expires_in"]) for each in answers} == {
        (200, "expires_in", "verification_id", 600)
    }


async def test_code_of_another_login(client: Client) -> None:
    """A code holds for the login it was sent for."""
    await client.register(ANNA)
    first, _ = await client.prove(ANNA)
    code = client.outbox.code(ANNA)
    second, _ = await client.prove(ANNA)
    body = {"method": "email", "code": code}

    assert (await client.post("/v1/auth/second-factor", {"sasl_id": second} | body)).code == 1003
    assert (await client.post("/v1/auth/second-factor", {"sasl_id": first} | body)).code == 0


async def test_code_works_once(client: Client) -> None:
    """A login that is done cannot be done again."""
    await client.register(ANNA)
    sasl_id, _ = await client.prove(ANNA)
    body = {"sasl_id": sasl_id, "method": "email", "code": client.outbox.code(ANNA)}
    await client.post("/v1/auth/second-factor", body)

    assert (await client.post("/v1/auth/second-factor", body)).code == 4005


async def test_login_expires(client: Client, clock: MovableClock) -> None:
    """A login that stands still for two minutes is gone."""
    await client.register(ANNA)
    sasl_id, _ = await client.prove(ANNA)
    clock.move(120)
    body = {"sasl_id": sasl_id, "method": "email", "code": client.outbox.code(ANNA)}

    assert (await client.post("/v1/auth/second-factor", body)).code == 4005


async def test_another_code(client: Client) -> None:
    """A new code can be sent; the one before is worthless; five an hour."""
    await client.register(ANNA)
    sasl_id, _ = await client.prove(ANNA)
    old = client.outbox.code(ANNA)
    body = {"sasl_id": sasl_id, "method": "email"}
    sent = [await client.post("/v1/auth/second-factor/send", body) for _ in range(5)]
    new = client.outbox.code(ANNA)

    assert {each.code for each in sent} == {0}
    assert (await client.post("/v1/auth/second-factor", body | {"code": old})).code == 1003
    assert (await client.post("/v1/auth/second-factor", body | {"code": new})).code == 0
    another, _ = await client.prove(ANNA)
    refused = await client.post("/v1/auth/second-factor/send", body | {"sasl_id": another})
    assert (refused.http, refused.code) == (429, 5003)
    assert refused.data["retry_after"] == int(refused.headers["Retry-After"]) > 600


async def test_method_of_another_kind(client: Client) -> None:
    """Only the methods of the account are taken."""
    await client.register(ANNA)
    sasl_id, _ = await client.prove(ANNA)
    body = {"sasl_id": sasl_id, "method": "phone", "code": "000000"}

    assert (await client.post("/v1/auth/second-factor", body)).code == 4001


async def test_trusted_client(client: Client, clock: MovableClock) -> None:
    """A trusted client skips the second factor for 30 days, and for its own user only."""
    await client.register(ANNA)
    await client.register(BORIS)
    trust = (await client.log_in(ANNA, trust=True)).data["trust_token"]
    _, mine = await client.prove(ANNA, trust_token=trust)
    _, wrong_password = await client.prove(ANNA, "wrong password", trust_token=trust)
    _, other = await client.prove(BORIS, trust_token=trust)
    clock.move(30 * 24 * 3600)
    _, late = await client.prove(ANNA, trust_token=trust)

    assert (mine.data["next"], "access_token" in mine.data) == ("done", True)
    assert wrong_password.code == 1004
    assert other.data["next"] == late.data["next"] == "second_factor"


async def test_wrong_codes_lock(client: Client, clock: MovableClock) -> None:
    """Wrong codes cost time like wrong passwords, and five end the login."""
    clock.stop()
    await client.register(ANNA)
    sasl_id, _ = await client.prove(ANNA)
    wrong = f"{(int(client.outbox.code(ANNA)) + 1) % 10**6:06}"
    body = {"sasl_id": sasl_id, "method": "email", "code": wrong}
    codes = []
    for seconds in (0, 0, 0, 2, 1, 3, 3):
        clock.move(seconds)
        codes.append((await client.post("/v1/auth/second-factor", body)).code)

    assert codes == [1003, 1003, 1003, 1006, 1003, 1003, 4005]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({"mechanism": "PLAIN", "initial": "biws"}, "/mechanism", id="mechanism"),
        pytest.param({"mechanism": "SCRAM-SHA-256", "initial": "%"}, "/initial", id="base64"),
        pytest.param(
            {"mechanism": "SCRAM-SHA-256", "initial": encode("n,,x")}, "/initial", id="message"
        ),
        pytest.param({"mechanism": "SCRAM-SHA-256", "initial": "/w=="}, "/initial", id="not UTF-8"),
        pytest.param({"initial": "biws"}, "/mechanism", id="missing"),
    ],
)
async def test_malformed_start(client: Client, body: dict[str, Any], pointer: str) -> None:
    """What is wrong with a first message is said with the place where it is."""
    answer = await client.post("/v1/auth/sasl/start", body)

    assert (answer.http, answer.code) == (400, 4001)
    assert [each["pointer"] for each in answer.data["errors"]] == [pointer]


async def test_logins_are_bounded(client: Client, app: web.Application) -> None:
    """Who begins many logins fills no memory."""
    await client.register(ANNA)
    app[LOGINS].update({f"s-{number}": _never() for number in range(1000)})
    await client.prove(ANNA)

    assert len(app[LOGINS]) == 1000


async def test_proved_logins_stay(app: web.Application, client: Client) -> None:
    """Whoever begins logins in masses pushes out nobody who has proved a password."""
    await client.register(ANNA)
    sasl_id, proved = await client.prove(ANNA)
    for number in range(1000):
        app[LOGINS][f"s-{number}"] = _never()
    await client.another().prove(NOBODY)

    fields = {"sasl_id": sasl_id, "method": "email", "code": client.outbox.code(ANNA)}
    done = await client.post("/v1/auth/second-factor", fields)

    assert proved.data["next"] == "second_factor"
    assert done.http == 200, done
    assert len(app[LOGINS]) <= 1000


def _never() -> Any:
    from ras_server.account.login import Login  # noqa: PLC0415

    return Login(
        exchange=Exchange(CLIENT_FIRST, lambda _: PENCIL),
        user=None,
        trusted=False,
        keys=(),
        expires=2**40,
    )


async def test_refresh(client: Client) -> None:
    """A refresh token gives a new pair, which works; the access token before it goes on."""
    await client.enter(ANNA)
    renewed = await client.post(
        "/v1/auth/refresh", {"refresh_token": client.tokens["refresh_token"]}
    )

    assert renewed.data.keys() == client.tokens.keys()
    assert renewed.data["refresh_token"] != client.tokens["refresh_token"]
    assert (await client.another(renewed.data["access_token"]).get("/v1/users/me")).code == 0
    assert (await client.get("/v1/users/me")).code == 0


async def test_refresh_token_is_no_access_token(client: Client) -> None:
    """Each kind of token is good for its own purpose only."""
    await client.enter(ANNA)
    access, renewing = client.tokens["access_token"], client.tokens["refresh_token"]

    assert (await client.another(renewing).get("/v1/users/me")).code == 1007
    assert (await client.post("/v1/auth/refresh", {"refresh_token": access})).code == 1007


async def test_refresh_token_used_twice(client: Client) -> None:
    """A refresh token that comes a second time was stolen: the whole login ends."""
    await client.enter(ANNA)
    old = {"refresh_token": client.tokens["refresh_token"]}
    renewed = await client.post("/v1/auth/refresh", old)
    again = await client.post("/v1/auth/refresh", old)

    assert again.code == 1007
    for token in client.token, renewed.data["access_token"]:
        assert (await client.another(token).get("/v1/users/me")).code == 1007
    late = await client.post("/v1/auth/refresh", {"refresh_token": renewed.data["refresh_token"]})
    assert late.code == 1007


async def test_refresh_repeated_with_its_mid(client: Client) -> None:
    """A refresh whose answer was lost is repeated with its mid, and gives the same tokens."""
    await client.enter(ANNA)
    body = {"mid": "01JD8Z0000000000000000000A"} | {"refresh_token": client.tokens["refresh_token"]}
    first = await client.post("/v1/auth/refresh", body)
    second = await client.post("/v1/auth/refresh", body)

    assert second.headers["Replayed"] == "1"
    assert second.data == first.data
    assert (await client.another(first.data["access_token"]).get("/v1/users/me")).code == 0


async def test_access_token_expires(client: Client, clock: MovableClock) -> None:
    """An access token lives 15 minutes."""
    await client.enter(ANNA)
    clock.move(898)
    before = await client.get("/v1/users/me")
    clock.move(2)

    assert before.code == 0
    assert (await client.get("/v1/users/me")).code == 1007


async def test_refresh_token_expires(client: Client, clock: MovableClock) -> None:
    """A refresh token lives 30 days."""
    await client.enter(ANNA)
    clock.move(2592000)
    late = await client.post("/v1/auth/refresh", {"refresh_token": client.tokens["refresh_token"]})

    assert late.code == 1007


async def test_logout(client: Client) -> None:
    """Logging out ends this login with its refresh token, and no other."""
    await client.enter(ANNA)
    other = client.another()
    await other.log_in(ANNA)
    await client.post("/v1/auth/logout")

    assert (await client.get("/v1/users/me")).code == 1007
    renewing = {"refresh_token": client.tokens["refresh_token"]}
    assert (await other.post("/v1/auth/refresh", renewing)).code == 1007
    assert (await other.get("/v1/users/me")).code == 0


async def test_logout_everywhere(client: Client) -> None:
    """Logging out everywhere ends every login of the person; the gateways stay."""
    await client.enter(ANNA)
    gateway = await client.gateway()
    other = client.another()
    await other.log_in(ANNA)
    await client.post("/v1/auth/logout", {"all": True})

    assert (await other.get("/v1/users/me")).code == 1007
    assert (await gateway.post(f"/v1/gateways/{gateway.gateway_id}/rotate")).code == 0


async def test_sessions(client: Client) -> None:
    """A user sees his logins, and ends one of them."""
    await client.enter(ANNA)
    other = client.another()
    await other.log_in(ANNA)
    stranger = await client.another().enter(BORIS)
    listed = (await client.get("/v1/users/me/sessions")).data["items"]
    theirs = next(each["session_id"] for each in listed if not each["current"])
    path = f"/v1/users/me/sessions/{theirs}"

    assert len(listed) == 2
    assert (await stranger.request("DELETE", path)).code == 4005
    assert (await client.request("DELETE", path)).code == 0
    assert (await other.get("/v1/users/me")).code == 1007
