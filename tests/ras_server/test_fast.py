"""A client comes back without password and code (HT-SHA-256-NONE), and what a login is worth."""

from base64 import b64decode, b64encode
import hashlib
import hmac

from aiohttp import web
import pytest

from ras_server.account.fast import proofs
from ras_server.keys import DATABASE
from tests.ras_server.client import ANNA, BORIS, FAST, Client, come_back
from tests.ras_server.conftest import MovableClock


async def given(client: Client, account: str = ANNA) -> str:
    """Register and log in, and ask for a fast token."""
    await client.enter(account)
    answer = await client.post("/v1/auth/fast")
    assert answer.data["fast_expires_in"] == 2592000
    token: str = answer.data["fast_token"]
    return token


async def test_come_back(client: Client) -> None:
    """The server proves the token, too, and gives an access token and the next fast token."""
    token = await given(client)
    back = await come_back(client.another(), token)
    proof = hmac.digest(token.encode(), b"Responder", hashlib.sha256)

    assert (back.code, back.data["next"]) == (0, "done")
    assert b64decode(back.data["data"]) == proof
    assert back.data["fast_token"] != token
    assert back.data["user_id"] == client.user_id
    assert (await client.another(back.data["access_token"]).get("/v1/users/me")).code == 0
    assert (await come_back(client, back.data["fast_token"])).code == 0


async def test_no_fresh_login(client: Client, clock: MovableClock) -> None:
    """Coming back makes no login fresh: a stolen token changes no second factor."""
    token = await given(client)
    clock.move(301)
    back = await come_back(client, token)
    later = client.another(back.data["access_token"])

    assert (await later.get("/v1/users/me")).code == 0
    assert (await later.post("/v1/users/me/totp")).code == 1005
    assert (await later.post("/v1/auth/fast")).code == 1005


async def test_lost_answer(client: Client) -> None:
    """A client whose answer was lost comes with the same token again."""
    token = await given(client)
    lost = await come_back(client, token)
    again = await come_back(client, token)

    assert again.code == 0
    assert (await come_back(client, lost.data["fast_token"])).code == 1007
    assert (await come_back(client, again.data["fast_token"])).code == 0


async def test_stolen_token(client: Client, app: web.Application) -> None:
    """A token that comes after its successor was used ends the login, and stands in the audit."""
    token = await given(client)
    second = (await come_back(client, token)).data
    third = (await come_back(client, second["fast_token"])).data
    stolen = await come_back(client, token)

    assert (stolen.http, stolen.code) == (401, 1007)
    assert (await come_back(client, third["fast_token"])).code == 1007
    for access in client.token, third["access_token"]:
        assert (await client.another(access).get("/v1/users/me")).code == 1007
    entries = [row["entry"] for row in app[DATABASE].all("SELECT entry FROM audit")]
    assert any("session.stolen" in each for each in entries)


async def test_stolen_refresh_token(client: Client, app: web.Application) -> None:
    """That a refresh token came twice stands in the audit."""
    await client.enter(ANNA)
    for _ in range(2):
        await client.post("/v1/auth/refresh", {"refresh_token": client.tokens["refresh_token"]})
    entries = [row["entry"] for row in app[DATABASE].all("SELECT entry FROM audit")]

    assert any("session.stolen" in each for each in entries)


async def test_another_name(client: Client) -> None:
    """A token is good for its own account."""
    token = await given(client)
    await client.another().enter(BORIS)

    for account in BORIS, "nobody@example.org", "":
        assert (await come_back(client, token, account)).code == 1007
    assert (await come_back(client, token)).code == 0


@pytest.mark.parametrize(
    "initial",
    [
        pytest.param(b"anna@example.org", id="no proof"),
        pytest.param(b"anna@example.org\0short", id="short"),
        pytest.param(b"\xff\0" + bytes(32), id="not UTF-8"),
    ],
)
async def test_malformed(client: Client, initial: bytes) -> None:
    """What is not a message of the mechanism is refused as malformed."""
    body = {"mechanism": FAST, "initial": b64encode(initial).decode()}
    answer = await client.post("/v1/auth/sasl/start", body)

    assert (answer.http, answer.code) == (400, 4001)
    assert answer.data["errors"][0]["pointer"] == "/initial"


async def test_new_token_ends_the_old(client: Client) -> None:
    """A login has one fast token."""
    token = await given(client)
    new = (await client.post("/v1/auth/fast")).data["fast_token"]

    assert (await come_back(client, token)).code == 1007
    assert (await come_back(client, new)).code == 0


async def test_ends_with_the_login(client: Client) -> None:
    """Who logs out comes back with password and code only."""
    token = await given(client)
    await client.post("/v1/auth/logout")

    assert (await come_back(client, token)).code == 1007


async def test_other_kinds_of_token(client: Client) -> None:
    """A refresh token proves nothing here, and a fast token opens nothing elsewhere."""
    token = await given(client)

    assert (await come_back(client, client.tokens["refresh_token"])).code == 1007
    assert (await client.another(token).get("/v1/users/me")).code == 1007
    assert (await client.post("/v1/auth/refresh", {"refresh_token": token})).code == 1007


async def test_token_is_not_stored(client: Client, app: web.Application) -> None:
    """Nothing in the database proves to the server what the client proves."""
    token = await given(client)
    row = app[DATABASE].one("SELECT hash, answer FROM token WHERE kind = 'fast'")

    assert row is not None
    assert proofs(token)[0] not in (row["hash"], row["answer"])
    assert row["hash"] == hashlib.sha256(proofs(token)[0]).digest()


async def test_login_ends_for_good(client: Client, clock: MovableClock) -> None:
    """However often a login is renewed, after a year it ends."""
    clock.stop()
    await client.enter(ANNA)
    token = client.tokens["refresh_token"]
    left = []
    for _ in range(13):
        clock.move(29 * 24 * 3600)
        renewed = await client.post("/v1/auth/refresh", {"refresh_token": token})
        if renewed.code:
            break
        token = renewed.data["refresh_token"]
        left.append(renewed.data["refresh_expires_in"] // (24 * 3600))

    assert left == [30] * 11 + [17]
    assert renewed.code == 1007


async def test_sessions_have_names(client: Client) -> None:
    """A user knows his logins by what their clients call themselves."""
    await client.enter(ANNA)
    listed = (await client.get("/v1/users/me/sessions")).data["items"]

    assert listed[0]["client"].startswith("Python/")
