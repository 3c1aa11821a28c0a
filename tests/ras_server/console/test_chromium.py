"""The console in a real browser: a phone and a desk, light and dark, without a script."""

from collections.abc import AsyncIterator
from pathlib import Path
import shutil
from typing import Final

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest
from yarl import URL

from demo.browser import browser
from demo.console import Visitor
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_guests import link
from tests.ras_server.application.test_operations import online
from tests.ras_server.client import PASSWORD, Client, Outbox

ANNA: Final = "anna@example.org"
BORIS: Final = "boris@example.org"
AUDIT: Final = Path(__file__).with_name("accessible.js").read_text(encoding="utf-8")
PHONE: Final = (360, 740)
DESK: Final = (1100, 800)

# It runs beside the page, where the policy of the page does not reach.
WATCH: Final = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective));
"""
FOREIGN: Final = """
performance.getEntriesByType('resource').map((e) => e.name)
  .filter((name) => !name.startsWith(location.origin) && !name.startsWith('data:'))
"""

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("chromium") or shutil.which("google-chrome")),
        reason="Chromium is missing; on Debian: apt install chromium",
    ),
    pytest.mark.timeout(180),
]


BAD: Final = """
<h1>One</h1><h1>Two</h1><h3>Three</h3><p id=a id=a style="color: #999">Faint</p><p id=a>Twice</p>
<input name=x style="height: 30px"><button style="width: 9px; height: 9px; padding: 0"></button>
<img src="data:,">
<table><tr><th>Head</table><div style="width: 3000px">Wide</div>
"""
FOUND: Final = [
    *("no language", "no title", "2 headings of the first level", "no main part"),
    *("level of heading left out", "an id stands twice", "no label", "no text", "no scope"),
    *("no caption", "no text", "9 x 9 pixels", "3008 pixels wide", "contrast 2.85"),
]


async def problems(visitor: Visitor) -> list[str]:
    """Return what is wrong with the page that is shown."""
    return [
        *await visitor.page.evaluate(AUDIT),
        *await visitor.page.evaluate("window.violations"),
        *await visitor.page.evaluate(FOREIGN),
    ]


@pytest.fixture(autouse=True)
def referers(app: web.Application) -> set[str]:
    """Return what browsers told the server of the pages they came from."""
    told: set[str] = set()

    async def note(request: web.Request, _: web.StreamResponse) -> None:
        told.add(request.headers.get("Referer", ""))

    app.on_response_prepare.append(note)
    return told


@pytest.fixture
async def anna(server: TestServer, client: Client) -> AsyncIterator[Visitor]:
    """Return the owner in front of a browser."""
    async with browser(client.session) as page:
        await page.command("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield Visitor(page, str(server.make_url("/"))[:-1], DESK)


async def log_in(person: Visitor, outbox: Outbox) -> None:
    """Log in as a person does."""
    await person.open("/")
    await person.type("Phone number or e-mail address", ANNA)
    await person.type("Password", PASSWORD)
    await person.click("Continue")
    await person.type("Code", outbox.code(ANNA))
    await person.click("Log in")


async def test_owner(anna: Visitor, home: Gateway, door: Door, outbox: Outbox) -> None:
    """An owner logs in, opens the door, lets somebody in, and reads of it in the audit."""
    await log_in(anna, outbox)
    assert "Front door" in await anna.text()
    await anna.open(f"/console/locks/{door.device_id}")

    async with online(home, door):
        await anna.click("Unlock")
        assert "The door is unlocked." in await anna.text()
        assert door.lock.show()["bolt"] == "unlocked"
        await anna.unfold()
        await anna.type("Phone number or e-mail address", BORIS)
        await anna.click("Give access")
    assert BORIS in await anna.text()

    await anna.open("/console/audit")
    assert "Access granted" in await anna.text()
    await anna.click("Log out")
    assert await anna.page.evaluate("location.pathname") == "/console/login"


async def test_what_is_looked_for(anna: Visitor) -> None:
    """The checks of the next test find a page that has every fault they are for."""
    await anna.page.show("about:blank", *PHONE)
    await anna.page.evaluate(f"document.body.innerHTML = {BAD!r}")

    assert [found.partition(":")[0] for found in await anna.page.evaluate(AUDIT)] == FOUND


async def test_for_everybody(anna: Visitor, home: Gateway, door: Door, outbox: Outbox) -> None:
    """Each page has labels, headings, contrast and size, on a phone and a desk, light and dark."""
    for path in ("/", "/console/register", "/console/reset"):
        await anna.open(path)
        assert await problems(anna) == []
    await log_in(anna, outbox)
    lock = f"/console/locks/{door.device_id}"
    async with online(home, door):
        await anna.open(lock)
        await anna.click("Unlock")
        await anna.unfold()
        await anna.type("Phone number or e-mail address", BORIS)
        await anna.click("Give access")
        await anna.unfold()
        await anna.type("For whom", "Plumber")
        await anna.click("Show a new code")
        assert await problems(anna) == []
    await anna.open("/console/account")
    await anna.click("Set up an authenticator app")
    assert await problems(anna) == []
    await anna.open("/console/people")
    await anna.type("Name", "Lake house")
    await anna.click("Make it")
    site = await anna.page.evaluate("document.querySelector('.card a').pathname")
    await anna.open(site)
    await anna.click("Add Front door")
    await anna.unfold()
    await anna.type("Phone number or e-mail address", "carla@example.org")
    await anna.click("Take in")

    pages = ("/console/", lock, "/console/people", site, "/console/audit", "/console/account")
    for scheme in ("light", "dark"):
        await anna.page.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        for anna.window in (PHONE, DESK):
            for path in (*pages, "/console/no"):
                await anna.open(path)
                await anna.unfold()

                assert await problems(anna) == [], (scheme, anna.window, path)


async def test_guest(
    anna: Visitor, home: Gateway, door: Door, outbox: Outbox, referers: set[str]
) -> None:
    """An owner makes a link; who opens it on a phone presses a button, and the door is open."""
    await log_in(anna, outbox)
    await anna.open(f"/console/locks/{door.device_id}")
    await anna.unfold()
    await anna.type("Name of the guest", "Plumber")
    await anna.page.evaluate("document.getElementById('link-until').value = '2099-01-01T12:00'")
    await anna.click("Make the link")
    assert await problems(anna) == []
    address = URL(await anna.page.evaluate("document.getElementById('link').value"))
    await anna.open("/console/")
    await anna.click("Log out")

    anna.window = PHONE
    async with online(home, door):
        for scheme in ("light", "dark"):
            await anna.page.command(
                "Emulation.setEmulatedMedia",
                features=[{"name": "prefers-color-scheme", "value": scheme}],
            )
            await anna.open(address.path)
            assert "For Plumber: until 2099-01-01 12:00" in await anna.text()
            assert await problems(anna) == []
        await anna.click("Unlock")
    assert "The door is unlocked." in await anna.text()
    assert door.lock.show()["bolt"] == "unlocked"
    await anna.open("/g/wrong")
    assert "This link does not work" in await anna.text()
    assert await problems(anna) == []

    assert any("/console/locks/" in referer for referer in referers)
    assert not any("/g/" in referer for referer in referers)


async def test_second_person(
    anna: Visitor, owner: Client, home: Gateway, door: Door, *, outbox: Outbox
) -> None:
    """A guest asks with a press, the owner says yes, the next press opens the door."""
    guest, _ = await link(owner, door, second_person=True)
    await log_in(anna, outbox)
    anna.window = PHONE

    async with online(home, door):
        await anna.open(f"/g/{guest.token}")
        await anna.click("Unlock")
        assert "Press again when that is done" in await anna.text()
        assert await problems(anna) == []
        await anna.open("/console/")
        assert "Plumber wants to unlock Front door" in await anna.text()
        assert await problems(anna) == []
        await anna.click("Yes")
        assert "You said yes." in await anna.text()
        await anna.open(f"/g/{guest.token}")
        await anna.click("Unlock")

    assert "The door is unlocked." in await anna.text()
