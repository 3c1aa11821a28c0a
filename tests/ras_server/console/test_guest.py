"""Links for guests: made and withdrawn in the console, opened without an account."""

from datetime import datetime, timedelta
import logging
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest
from yarl import URL

from ras_server.keys import SETTINGS
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_canary import files_of
from tests.ras_server.application.test_operations import online
from tests.ras_server.client import Client, Outbox
from tests.ras_server.conftest import MovableClock
from tests.ras_server.console.reader import Reader, Shown
from tests.ras_server.processes import ras, serving


def tomorrow() -> str:
    """Return a time as the form has it."""
    return f"{datetime.now().astimezone() + timedelta(days=1):%Y-%m-%dT%H:%M}"


async def link(anna: Reader, path: str, **fields: str | list[str]) -> str:
    """Make a link for a guest, and return it."""
    await anna.get(path)
    usual: dict[str, str | list[str]] = {
        "name": "Plumber",
        "right": ["lock", "unlock"],
        "until": tomorrow(),
    }
    shown = await anna.send("/links", **usual | fields)
    assert shown.http == 200, shown.text
    return next(part for part in shown.markup.split('"') if "/g/" in part)


@pytest.fixture
async def phone(anna: Reader) -> Reader:
    """Return the browser of somebody without an account."""
    return Reader(str(anna.url), Outbox())


async def press(phone: Reader, command: str, **fields: str) -> Shown:
    """Press a button of the page."""
    return await phone.send(phone.shown.path.partition("?")[0], cmd=command, **fields)


async def test_link(anna: Reader, phone: Reader, home: Gateway, door: Door, path: str) -> None:
    """A guest opens the door with the link alone, and sees what he may."""
    address = await link(anna, path, uses="2", right=["unlock"])
    assert address.startswith(str(anna.url))
    assert "Plumber (by a link)" in (await anna.get(path)).text
    assert address not in anna.shown.markup

    async with phone.session, online(home, door):
        shown = await phone.get(URL(address))
        assert "Front door" in shown.text
        assert "For Plumber: until" in shown.text
        assert "2 uses left" in shown.text
        assert [form.buttons for form in shown.forms] == [["unlock"]]
        shown = await press(phone, "unlock")

    assert "The door is unlocked." in shown.text
    assert "1 use left" in shown.text
    assert door.lock.show()["bolt"] == "unlocked"


async def test_pressed_twice(
    anna: Reader, phone: Reader, home: Gateway, door: Door, path: str
) -> None:
    """The second click of a double click spends no use."""
    address = await link(anna, path, uses="3")

    async with phone.session, online(home, door):
        page = await phone.get(URL(address))
        for _ in range(2):
            phone.page = page
            shown = await press(phone, "unlock")

    assert "2 uses left" in shown.text


async def test_pin(anna: Reader, phone: Reader, home: Gateway, door: Door, path: str) -> None:
    """A link with a PIN asks for it, and says when it is wrong."""
    address = await link(anna, path, pin="4711")

    async with phone.session, online(home, door):
        await phone.get(URL(address))
        wrong = await press(phone, "unlock", pin="1234")
        assert door.lock.show()["bolt"] == "locked"
        right = await press(phone, "unlock", pin="4711")

    assert "The PIN is wrong." in wrong.text
    assert "The door is unlocked." in right.text
    assert "4711" not in wrong.markup


async def test_confirmation(
    anna: Reader, phone: Reader, owner: Client, home: Gateway, door: Door, *, path: str
) -> None:
    """A guest who is not known to be near is asked once more."""
    address = await link(anna, path, policy="confirm")
    made = await owner.post("/v1/sites", {"name": "Home"})
    await owner.request("PUT", f"/v1/sites/{made.data['site_id']}/devices/{door.device_id}")

    async with phone.session, online(home, door):
        await phone.get(URL(address))
        asked = await press(phone, "unlock")
        assert [form.buttons for form in asked.forms] == [["unlock"]]
        shown = await press(phone, "unlock")

    assert "all the same?" in asked.text
    assert "The door is unlocked." in shown.text


async def test_withdrawn(anna: Reader, phone: Reader, path: str) -> None:
    """A link that was withdrawn shows nothing of the lock any more."""
    address = await link(anna, path)

    async with phone.session:
        page = await phone.get(URL(address))
        await anna.get(path)
        assert "Access has ended." in (await anna.send("/revoke")).text
        ended = await phone.get(URL(address))
        phone.page = page
        pressed = await press(phone, "unlock")

    for shown in (ended, pressed):
        assert shown.http == 403
        assert "The access has expired or was revoked." in shown.text
        assert "Front door" not in shown.text


async def test_over(
    anna: Reader, phone: Reader, home: Gateway, door: Door, clock: MovableClock, *, path: str
) -> None:
    """After its end a link opens nothing."""
    address = await link(anna, path)

    async with phone.session, online(home, door):
        await phone.get(URL(address))
        clock.move(2 * 86400)
        shown = await press(phone, "unlock")

    assert "The access has expired or was revoked." in shown.text
    assert door.lock.show()["bolt"] == "locked"


async def test_unknown(reader: Reader, clock: MovableClock) -> None:
    """A link that is none says so; who tries many has to wait."""
    clock.stop()
    pages = [await reader.get(f"/g/wrong{number}") for number in range(11)]

    assert {shown.http for shown in pages[:10]} == {404}
    assert "This link does not work" in pages[0].text
    assert pages[10].http == 429
    assert "Wait a moment" in pages[10].text
    assert int(pages[10].headers["Retry-After"]) > 0


@pytest.mark.parametrize("token", ["%0d%0aMid:%20x", "%ff", "a%00b", "%F0%9F%94%91", "x" * 5000])
async def test_strange(reader: Reader, token: str) -> None:
    """What no server gave out is an unknown link, whatever is in it."""
    shown = await reader.get(URL(f"/g/{token}", encoded=True))

    assert shown.http == 404


async def test_old_login(anna: Reader, owner: Client, door: Door, clock: MovableClock) -> None:
    """To let a guest in needs a fresh login, as all access does."""
    await anna.get(f"/console/locks/{door.device_id}")
    clock.move(400)

    shown = await anna.send("/links", name="Plumber", right="unlock", until=tomorrow())

    assert shown.path.startswith("/console/login")
    assert not (await owner.get(f"/v1/devices/{door.device_id}/grants")).data["items"]


async def test_without_a_name(anna: Reader, path: str) -> None:
    """A form that is not complete is shown again, open, with what is wrong."""
    await anna.get(path)

    shown = await anna.send("/links", name="", right="unlock")

    assert shown.http == 400
    assert "Something in the form is not right." in shown.text


async def test_address_of_the_server(anna: Reader, app: web.Application, path: str) -> None:
    """The link leads to the address that clients are told."""
    object.__setattr__(app[SETTINGS], "url", "https://ras.example/")

    assert (await link(anna, path)).startswith("https://ras.example/g/")


async def test_headers(anna: Reader, phone: Reader, path: str) -> None:
    """The page of a link runs no script, is kept nowhere, and tells nobody its address."""
    address = await link(anna, path)
    async with phone.session:
        pages = [await phone.get(URL(address)), await phone.get("/g/wrong")]
        kept = list(phone.session.cookie_jar)

    for shown in pages:
        policy = shown.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert shown.headers["Referrer-Policy"] == "no-referrer"
        assert shown.headers["Cache-Control"] == "no-store"
        assert "noindex" in shown.markup
        for forbidden in ("<script", " style=", "http://", "https://"):
            assert forbidden not in shown.markup
    assert kept == []


async def test_kept_nowhere(
    anna: Reader,
    phone: Reader,
    server: TestServer,
    home: Gateway,
    door: Door,
    *,
    path: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The token of a link is in no file of the server, and in no line of its log."""
    caplog.set_level(logging.DEBUG)
    address = await link(anna, path)
    token = address.rpartition("/")[2]
    async with phone.session, online(home, door):
        await phone.get(URL(address))
        await press(phone, "unlock")
    await server.close()

    lines = [line for line in caplog.records if line.name != "aiohttp.access"]
    assert any("/g/{token}" in line.getMessage() for line in lines)
    assert not [line for line in lines if token in line.getMessage()]
    files = files_of(tmp_path)
    assert not [name for name, content in files.items() if token.encode() in content]


async def test_log_of_a_running_server(tmp_path: Path) -> None:
    """A server as it is started writes no address of a guest into its log."""
    folder = tmp_path / "ras"
    await ras("init", "--folder", folder)
    async with serving(folder) as process:
        reader = Reader(process.url, Outbox())
        async with reader.session:
            assert (await reader.get("/g/canary-of-a-guest")).http == 404
        await process.stop()

    log = process.log.read_text(encoding="utf-8")
    assert "/g/{token}" in log
    assert "canary-of-a-guest" not in log
