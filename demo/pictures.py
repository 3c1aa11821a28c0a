"""Take the pictures of the documentation from a running home: script/pictures."""

import asyncio
import json
from pathlib import Path
import sys
import time
from typing import Final

from .browser import Page, browser
from .console import Visitor
from .dashboard import PATH, add_dashboard
from .errors import DemoError
from .home import (
    ACCOUNT,
    ACCOUNT_PASSWORD,
    LOCKS,
    STATE,
    Home,
    discovered,
    forget,
    home,
    set_up,
)
from .home_assistant import HomeAssistant

IMAGES: Final = Path(__file__).resolve().parent.parent / "docs/images"
PATIENCE: Final = 30  # seconds until the frontend shows something
RECORD: Final = 15  # seconds until the record of a knob that was turned has been read
SETTLE: Final = 3  # seconds until pictures and fonts inside it have arrived

_SHOWN: Final = (
    "!!document.querySelector('home-assistant')?.shadowRoot?.querySelector('home-assistant-main')"
)
_ADD: Final = """
(each) => each.localName === 'ha-button' && each.innerText.trim() === 'Add'
  && each.getRootNode().host?.localName === 'ha-config-flow-card'
"""
_FORM: Final = "(each) => each.localName === 'step-flow-form'"


async def be_logged_in(page: Page, hass: HomeAssistant) -> None:
    """Give the page the token of the person who is logged in."""
    tokens = hass.tokens | {
        "hassUrl": hass.url,
        "clientId": f"{hass.url}/",
        "expires": int((time.time() + hass.tokens["expires_in"]) * 1000),
    }
    await page.command(
        "Page.addScriptToEvaluateOnNewDocument",
        source=f"""
            localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))});
            localStorage.setItem('dockedSidebar', '"always_hidden"');
        """,
    )


async def take(page: Page, name: str) -> None:
    """Write what the window shows, when it does not change any more."""
    await page.until(_SHOWN, PATIENCE)
    await asyncio.sleep(SETTLE)
    (IMAGES / name).write_bytes(await page.picture())
    print(IMAGES / name)


async def take_all(running: Home, page: Page) -> None:
    """Take all pictures."""
    hass, door = running.hass, running.doors[0]
    await be_logged_in(page, hass)
    await hass.act("lock.unlock", door.entity_id)
    await page.show(f"{hass.url}/{PATH}/0", 1100, 390)
    await take(page, "doors.png")
    await hass.act("lock.lock", door.entity_id)
    await running.act(door, "knob", "unlock")
    await hass.until_state(door.entity_id, {"unlocked"}, PATIENCE)
    await asyncio.sleep(RECORD)
    for entity in await hass.ask("config/entity_registry/list"):
        if entity["entity_id"] == door.entity_id:
            await page.show(f"{hass.url}/config/devices/device/{entity['device_id']}", 1240, 900)
    await take(page, "device.png")
    event = f"event.{door.entity_id.partition('.')[2]}_access"
    await page.show(f"{hass.url}/logbook?entity_id={event}", 560, 500)
    await take(page, "logbook.png")


async def take_form(running: Home, page: Page) -> None:
    """Take a picture of the form that registers the lock which nobody has added yet."""
    await page.show(f"{running.hass.url}/config/integrations/dashboard", 560, 620)
    await page.until_there(_ADD, PATIENCE)
    await asyncio.sleep(SETTLE)
    await page.click(*await page.until_there(_ADD, PATIENCE))
    await page.until_there(_FORM, PATIENCE)
    await take(page, "register.png")


async def take_console(running: Home, page: Page) -> None:
    """Take a picture of the server's own pages: a lock, on a phone."""
    owner = running.person(ACCOUNT, ACCOUNT_PASSWORD)
    visitor = Visitor(page, owner.url, (390, 960))
    await visitor.open("/")
    await visitor.type("Phone number or e-mail address", owner.account)
    await visitor.type("Password", owner.password)
    await visitor.click("Continue")
    await visitor.type("Code", owner.newest_code())
    await visitor.click("Log in")
    await visitor.open(f"/console/locks/{running.doors[0].device_id}")
    await visitor.click("Lock")
    await visitor.unfold()
    await visitor.page.evaluate("document.querySelector('#name').value = ''")
    await visitor.type("Name", running.doors[0].name)
    await visitor.click("Save the name")
    await visitor.unfold()
    await visitor.type("Phone number or e-mail address", "boris@example.org")
    await visitor.type("So many times", "3")
    await visitor.click("Give access")
    await visitor.unfold()
    await visitor.type("For whom", "Plumber")
    await visitor.click("Show a new code")
    await visitor.open(f"/console/locks/{running.doors[0].device_id}")
    (IMAGES / "console.png").write_bytes(await page.picture())
    print(IMAGES / "console.png")


async def main() -> None:
    """Set a home up, and take its pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    folder = STATE / "pictures"
    forget(folder)
    async with home(folder, locks=LOCKS + 1) as running, browser(running.session) as page:
        spare = running.doors.pop()
        await set_up(running)
        await discovered(running.hass, spare)
        await add_dashboard(running.hass, running.doors)
        await take_all(running, page)
        await take_form(running, page)
        await take_console(running, page)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except DemoError as err:
        sys.exit(str(err))
