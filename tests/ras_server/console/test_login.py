"""Logging in to the console: the API's own login behind a cookie."""

import logging

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from ras_server.app import create_app
from ras_server.console.visits import VISITS
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from ras_server.store.db import Database
from ras_server.vault import Vault
from tests.ras_server.client import ANNA, PASSWORD, Client, Outbox
from tests.ras_server.conftest import MovableClock
from tests.ras_server.console.reader import Reader


@pytest.fixture
async def anna(reader: Reader, client: Client) -> Reader:
    """Return the browser of a person who is logged in."""
    await client.register(ANNA)
    await reader.log_in(ANNA)
    return reader


async def test_both_factors(reader: Reader, client: Client) -> None:
    """Password and code lead to the page that was asked for."""
    await client.register(ANNA)

    asked = await reader.get("/console/account")
    assert (asked.http, asked.path) == (200, "/console/login?next=/console/account")
    await reader.send("/login", account=ANNA, password=PASSWORD)
    shown = await reader.send("/code", code=reader.outbox.code(ANNA))

    assert shown.path == "/console/account"
    assert ANNA in shown.text


async def test_address_of_the_server(reader: Reader) -> None:
    """Who opens the address of the server in a browser finds the console."""
    shown = await reader.get("/")

    assert shown.path == "/console/login?next=/console/"


@pytest.mark.parametrize(
    "account", [ANNA, "nobody@example.org", "+491701234567", "no account", "\u06aa"]
)
async def test_wrong_password(reader: Reader, client: Client, account: str) -> None:
    """A wrong password, an unknown account and a name that is none are told the same."""
    await client.register(ANNA)
    await reader.get("/console/login")

    shown = await reader.send("/login", account=account, password="wrong")

    assert shown.http == 401
    assert "The account or the password is wrong." in shown.text
    assert shown.form("/login").value("account") == account
    assert reader.outbox == [(ANNA, reader.outbox.code(ANNA))]  # that of the registration


async def test_too_many_wrong_passwords(reader: Reader, client: Client) -> None:
    """The pause after wrong tries is that of the API, for both its doors."""
    await client.register(ANNA)
    await reader.get("/console/login")
    for _ in range(5):
        shown = await reader.send("/login", account=ANNA, password="wrong")

    shown = await reader.send("/login", account=ANNA, password=PASSWORD)
    _, answer = await client.prove(ANNA)

    assert shown.http == 429
    assert "Too many wrong tries. Wait" in shown.text
    assert answer.code == 1006


async def test_wrong_code(reader: Reader, client: Client) -> None:
    """A wrong code may be corrected."""
    await client.register(ANNA)
    await reader.get("/console/login?next=/console/account")
    await reader.send("/login", account=ANNA, password=PASSWORD)
    code = reader.outbox.code(ANNA)

    wrong = await reader.send("/code", code="x" + code[1:])
    assert (wrong.http, "The code is wrong" in wrong.text) == (403, True)

    assert (await reader.send("/code", code=f" {code[:3]} {code[3:]} ")).path == "/console/account"


async def test_another_code(reader: Reader, client: Client) -> None:
    """A new code can be asked for; the one before is worth nothing then."""
    await client.register(ANNA)
    await reader.get("/console/login")
    await reader.send("/login", account=ANNA, password=PASSWORD)
    old = reader.outbox.code(ANNA)

    await reader.send("/send")
    new = reader.outbox.code(ANNA)
    if old != new:
        assert (await reader.send("/code", code=old)).http == 403

    assert (await reader.send("/code", code=new)).path == "/console/"


async def test_trusted_browser(reader: Reader, client: Client) -> None:
    """A browser that is trusted is asked for the password only, and only that browser."""
    await client.register(ANNA)
    await reader.get("/console/login")
    await reader.send("/login", account=ANNA, password=PASSWORD)
    await reader.send("/code", code=reader.outbox.code(ANNA), trust="yes")
    await reader.send("/logout")

    shown = await reader.send("/login", account=ANNA, password=PASSWORD)

    assert shown.path == "/console/"
    reader.session.cookie_jar.clear()
    await reader.get("/console/login")
    assert "Code" in (await reader.send("/login", account=ANNA, password=PASSWORD)).text


async def test_next_page_is_one_of_ours(reader: Reader, client: Client) -> None:
    """Nobody is sent to another site by an address he was given."""
    await client.register(ANNA)
    for elsewhere in ("https://evil.example/", "//evil.example", "/v1/info", "/console/login", ""):
        reader.session.cookie_jar.clear()
        await reader.get("/console/login")
        await reader.send("/login", account=ANNA, password=PASSWORD, next=elsewhere)

        shown = await reader.send("/code", code=reader.outbox.code(ANNA))

        assert shown.path == "/console/"


async def test_cookie(anna: Reader, client: Client) -> None:
    """The cookie of a visit is of no use to a script, to another site, and to the API."""
    cookies = {cookie.key: cookie for cookie in anna.session.cookie_jar}

    visit = cookies["ras_console"]
    assert (visit["httponly"], visit["samesite"], visit["path"]) == (True, "Strict", "/console")
    async with anna.session.get(anna.url.join(anna.url.with_path("/v1/users/me"))) as response:
        assert (await response.json())["code"] == 1007
    async with client.session.get(
        f"{client.url}/console/account", cookies={"ras_console": visit.value}
    ) as response:
        assert response.url.path == "/console/account"


async def test_secure_cookie(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where clients are told an https address, cookies travel over TLS only."""
    settings = Settings(folder=tmp_path_factory.mktemp("ras"), url="https://ras.example")
    async with TestServer(create_app(settings, vault=Vault(bytes(32)))) as server:
        reader = Reader(str(server.make_url("/")), Outbox())
        async with reader.session:
            shown = await reader.get("/console/login")

    assert "Secure" in shown.headers["Set-Cookie"]


async def test_cookie_changes_with_the_login(
    reader: Reader, client: Client, app: web.Application
) -> None:
    """A cookie from before the login, or of the login before, is not the cookie of the login."""
    await client.register(ANNA)
    seen = set()
    for _ in range(2):
        await reader.log_in(ANNA)
        seen.add(next(each.value for each in reader.session.cookie_jar if "con" in each.key))

    assert len(seen) == 2
    assert len(app[VISITS]) == 1


async def test_log_out(anna: Reader, app: web.Application) -> None:
    """Who logs out has ended his login at the API too."""
    (visit,) = app[VISITS].values()
    client = Client(anna.session, str(anna.url), anna.outbox)
    client.token = visit.access_token
    assert (await client.get("/v1/users/me")).code == 0

    shown = await anna.send("/logout")

    assert shown.path == "/console/login"
    assert (await client.get("/v1/users/me")).code == 1007
    assert (await anna.get("/console/")).path == "/console/login?next=/console/"


async def test_visit_lasts_while_it_is_used(anna: Reader, clock: MovableClock) -> None:
    """Pages renew the login; half an hour without one ends it."""
    for _ in range(5):
        clock.move(1200)
        assert (await anna.get("/console/account")).path == "/console/account"

    clock.move(1801)

    assert (await anna.get("/console/account")).path == "/console/login?next=/console/account"


async def test_visit_ends_after_half_a_day(
    anna: Reader, app: web.Application, clock: MovableClock
) -> None:
    """A visit ends after twelve hours, however much it is used, and its login with it."""
    for _ in range(24):
        clock.move(1799)
        await anna.get("/console/account")
    clock.move(1799)

    assert (await anna.get("/console/account")).path.startswith("/console/login")
    assert not app[VISITS]
    assert app[DATABASE].all("SELECT * FROM session") == []


async def test_login_ended_elsewhere(anna: Reader, client: Client) -> None:
    """A visit whose login was ended by another client is over."""
    await client.log_in(ANNA)
    sessions = (await client.get("/v1/users/me/sessions")).data["items"]
    (other,) = [each["session_id"] for each in sessions if not each["current"]]
    await client.request("DELETE", f"/v1/users/me/sessions/{other}")

    shown = await anna.get("/console/account")

    assert shown.path == "/console/login?next=/console/account&why=over"
    assert "Your login has ended" in shown.text


async def test_end_of_the_server(reader: Reader, client: Client, server: TestServer) -> None:
    """The logins of the console end with the server: nobody could use them any more."""
    await client.enter(ANNA)
    await reader.log_in(ANNA)
    path = server.app[DATABASE].path
    await server.close()

    with Database(path or "") as database:
        assert len(database.all("SELECT * FROM session")) == 1  # the client's own


async def test_no_secret_in_the_log(
    reader: Reader, client: Client, app: web.Application, caplog: pytest.LogCaptureFixture
) -> None:
    """Password, code, cookies and tokens are not in the log."""
    caplog.set_level(logging.DEBUG)
    await client.register(ANNA)
    await reader.log_in(ANNA)
    (visit,) = app[VISITS].values()

    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "POST /console/login" in logged
    for secret in (
        PASSWORD,
        reader.outbox.code(ANNA),
        visit.access_token,
        visit.refresh_token,
        *(cookie.value for cookie in reader.session.cookie_jar),
    ):
        assert secret not in logged
