"""What holds for every page: headers, forms that only this server's pages show, errors."""

from pathlib import Path
import subprocess
import sys

from aiohttp import web
import pytest
from yarl import URL

from ras_server.app import create_app
from ras_server.concurrency import ANONYMOUS, CONCURRENCY
from ras_server.settings import Settings
from ras_server.vault import Vault
from tests.ras_server.application.parts import Door
from tests.ras_server.client import ANNA, PASSWORD, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.console.reader import Reader

ROOT = Path(__file__).parents[3]
SCRIPT = "<script>alert(1)</script>\"'&"


def pages(door: Door) -> list[str]:
    """Return the addresses of all pages."""
    return [
        "/console/",
        f"/console/locks/{door.device_id}",
        "/console/audit",
        "/console/account",
        "/console/nothing",
        "/console/login",
    ]


async def test_headers(anna: Reader, door: Door) -> None:
    """No page may run a script, be framed, be cached, or load anything from elsewhere."""
    for path in pages(door):
        shown = await anna.get(path)

        policy = shown.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert shown.headers["Cache-Control"] == "no-store"
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert shown.headers["Server"] == "ras"
        for forbidden in ("<script", " style=", " onload=", "javascript:", "http://", "https://"):
            assert forbidden not in shown.markup


async def test_style_sheet(reader: Reader) -> None:
    """The style sheet needs no login, and loads nothing."""
    shown = await reader.get("/console/style.css")

    assert shown.headers["Content-Type"].startswith("text/css")
    assert "url(" not in shown.markup
    assert "@import" not in shown.markup


async def test_names_are_no_markup(anna: Reader, owner: Client, door: Door, client: Client) -> None:
    """What people call things is shown as they wrote it."""
    device = f"/v1/devices/{door.device_id}"
    rev = (await owner.get(device)).data["rev"]
    await owner.request("PATCH", device, {"name": SCRIPT, "rev": rev})
    rev = (await owner.get("/v1/users/me")).data["rev"]
    await owner.request("PATCH", "/v1/users/me", {"display_name": SCRIPT, "rev": rev})
    await owner.gateway(SCRIPT)

    for path in pages(door):
        shown = await anna.get(path)

        assert "<script" not in shown.markup
        if path in {"/console/", f"/console/locks/{door.device_id}"}:
            assert SCRIPT in shown.text
    assert (await anna.get("/console/account")).form("/profile").value("display_name") == SCRIPT


@pytest.mark.parametrize("token", ["", "0" * 64, "\u0131"])
async def test_forged_form(anna: Reader, owner: Client, door: Door, token: str) -> None:
    """A form that holds not the token of a page of this visitor does nothing."""
    await anna.get(f"/console/locks/{door.device_id}")

    shown = await anna.send("/name", name="Mallory", token=token)

    assert shown.http == 403
    assert "You may not do this." in shown.text
    assert await name(owner, door) == "Front door"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", ""]
)
async def test_form_of_another_site(anna: Reader, owner: Client, door: Door, origin: str) -> None:
    """A form that comes from another site does nothing, whatever it holds."""
    await anna.get(f"/console/locks/{door.device_id}")
    anna.origin = origin

    shown = await anna.send("/name", name="Mallory")

    assert shown.http == 403
    assert await name(owner, door) == "Front door"


async def name(owner: Client, door: Door) -> str:
    """Return the name of the lock."""
    return str((await owner.get(f"/v1/devices/{door.device_id}")).data["name"])


async def test_form_of_somebody_else(anna: Reader, client: Client, door: Door) -> None:
    """The token of one visitor's form is not that of another's, nor that of nobody's."""
    mallory = Reader(str(anna.url), anna.outbox)
    async with mallory.session:
        nobodys = (await mallory.get("/console/login")).form("/login").value("token")
        await client.another().register("mallory@example.org")
        await mallory.log_in("mallory@example.org")
        mallorys = (await mallory.get("/console/account")).form("/profile").value("token")
    await anna.get(f"/console/locks/{door.device_id}")

    for token in (nobodys, mallorys):
        assert (await anna.send("/name", name="Mallory", token=token)).http == 403
        await anna.get(f"/console/locks/{door.device_id}")


async def test_form_of_before_the_login(reader: Reader, client: Client) -> None:
    """The token of a form ends with the login it was shown to."""
    await client.register(ANNA)
    token = (await reader.get("/console/login")).form("/login").value("token")
    await reader.log_in(ANNA)
    await reader.get("/console/account")

    assert (await reader.send("/profile", display_name="Mallory", token=token)).http == 403


async def test_login_form_needs_its_page(reader: Reader, client: Client) -> None:
    """Nobody can be logged in to another's account by a page of another site."""
    await client.register(ANNA)
    await reader.get("/console/login")
    reader.session.cookie_jar.clear()

    shown = await reader.send("/login", account=ANNA, password=PASSWORD)

    assert shown.http == 403


async def test_link_from_another_site(anna: Reader) -> None:
    """A link from elsewhere brings no cookie; the page then asks for itself once more."""
    shown = await anna.get("/console/account", **{"Sec-Fetch-Site": "cross-site"})

    assert 'http-equiv="refresh"' in shown.markup
    assert ANNA not in shown.text


async def test_form_sent_twice(anna: Reader, owner: Client, door: Door) -> None:
    """The second click of a double click changes nothing."""
    path = f"/console/locks/{door.device_id}"
    page = await anna.get(path)
    for _ in range(2):
        anna.page = page
        await anna.send("/grants", account="boris@example.org", right=["lock"])

    grants = await owner.get(f"/v1/devices/{door.device_id}/grants")
    assert len(grants.data["items"]) == 1


async def test_no_such_page(anna: Reader) -> None:
    """An address that is none is told in a page."""
    shown = await anna.get("/console/locks/x/y/z")

    assert shown.http == 404
    assert shown.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=%ff&b=\xff"),
        ("application/x-www-form-urlencoded; charset=x", b"a=1"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(101))),
        ("multipart/form-data", b"--"),
        ("application/json", b'{"token": 1}'),
    ],
)
async def test_what_is_no_form(reader: Reader, kind: str, body: bytes) -> None:
    """What no browser sends is refused in a page, not by a fault of the server."""
    await reader.get("/console/login")
    async with reader.session.post(
        reader.url.join(URL("/console/login")), data=body, headers={"Content-Type": kind}
    ) as response:
        assert response.status in {400, 403}
        assert response.content_type == "text/html"


@pytest.mark.parametrize("device_id", ["000000000000", "nothing", "..%2f..%2fusers%2fme"])
async def test_no_such_lock(anna: Reader, device_id: str) -> None:
    """A lock that is not the visitor's is no page, and an address cannot lead elsewhere."""
    shown = await anna.get(URL(f"/console/locks/{device_id}", encoded=True))

    assert shown.http in {400, 404}
    assert ANNA not in shown.text
    assert "This lock is not known" in shown.text


@pytest.mark.parametrize("size", [2**16, 2**20])
async def test_large_form(anna: Reader, door: Door, size: int) -> None:
    """A form has a size."""
    await anna.get(f"/console/locks/{door.device_id}")

    shown = await anna.send("/name", name="x" * size)

    assert shown.http == 413
    assert shown.headers["Content-Type"].startswith("text/html")


async def test_too_many_requests(reader: Reader, clock: MovableClock) -> None:
    """Pages are limited per address, as everything is."""
    clock.stop()
    for _ in range(61):
        shown = await reader.get("/console/login")

    assert shown.http == 429
    assert "Too many requests." in shown.text


async def test_too_many_at_the_same_time(reader: Reader, app: web.Application) -> None:
    """An address that waits for so many pages gets no other until one of them is there."""
    concurrency = app[CONCURRENCY]
    for _ in range(ANONYMOUS):
        concurrency.begin("127.0.0.1", ANONYMOUS)

    refused = await reader.get("/console/login")
    concurrency.end("127.0.0.1")
    shown = [await reader.get("/console/login") for _ in range(2)]

    assert (refused.http, refused.headers["Retry-After"]) == (429, "1")
    assert [page.http for page in shown] == [200, 200]


async def test_no_console(tmp_path: Path) -> None:
    """An operator may do without the console."""
    settings = Settings(folder=tmp_path, console=False)
    app = create_app(settings, vault=Vault(bytes(32)))

    paths = [resource.canonical for resource in app.router.resources()]

    assert not [path for path in paths if "console" in path or path == "/"]
    assert isinstance(app, web.Application)


def test_nothing_is_loaded_before_it_is_used() -> None:
    """A server whose console nobody opens pays for none of its libraries."""
    heavy = ("jinja2", "segno", "scramp")
    look = f"import sys, ras_server.app; print([name for name in {heavy} if name in sys.modules])"

    found = subprocess.run([sys.executable, "-c", look], capture_output=True, check=True, cwd=ROOT)

    assert found.stdout == b"[]\n"
