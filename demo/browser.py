"""A browser without a window, for pictures of the frontend: Chromium's own remote interface."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import shutil
import tempfile
from typing import Any, Final

import aiohttp

from .errors import ProcessError
from .processes import running

START_TIMEOUT: Final = 30  # seconds
_PAUSE: Final = 0.2  # seconds between two looks
_FLAGS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-port=0"),
)

# The middle of the last element that a function accepts, in whatever shadow it stands.
_MIDDLE: Final = """
(() => {
  const found = [];
  const search = (root) => root.querySelectorAll('*').forEach((each) => {
    if ((%s)(each)) found.push(each);
    if (each.shadowRoot) search(each.shadowRoot);
  });
  search(document);
  const box = found.at(-1)?.getBoundingClientRect();
  return box && box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
})()
"""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Use the tab's own socket."""
        self._socket = socket
        self._last = 0

    async def command(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result; events in between are dropped."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == self._last:
                if "error" in message:
                    raise ProcessError(f"{method}: {message['error']['message']}")
                return message["result"]

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page; a promise is waited for."""
        result = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        return result["result"].get("value")

    async def show(self, url: str, width: int, height: int, *, scale: float = 2) -> None:
        """Open an address in a window of this many CSS pixels."""
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        await self.command("Page.navigate", url=url)

    async def until(self, expression: str, seconds: float) -> None:
        """Wait until an expression is true in the page."""
        async with asyncio.timeout(seconds):
            while True:
                if await self.evaluate(expression):
                    return
                await asyncio.sleep(_PAUSE)

    async def until_there(self, is_it: str, seconds: float) -> tuple[float, float]:
        """Wait for an element that a function of JavaScript accepts, and return its middle."""
        await self.until(_MIDDLE % is_it, seconds)
        x, y = await self.evaluate(_MIDDLE % is_it)
        return x, y

    async def click(self, x: float, y: float) -> None:
        """Click at a place."""
        for kind in "mousePressed", "mouseReleased":
            await self.command(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def picture(self) -> bytes:
        """Return a PNG of what the window shows."""
        shot = await self.command("Page.captureScreenshot", format="png")
        return b64decode(shot["data"])


@asynccontextmanager
async def browser(session: aiohttp.ClientSession) -> AsyncIterator[Page]:
    """Run Chromium inside the context and give its tab."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise ProcessError("Chromium is missing; on Debian: apt install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        log = Path(profile, "chromium.log")
        command = (program, *_FLAGS, f"--user-data-dir={profile}", "about:blank")
        async with running(*command, log=log):
            port = await _port(Path(profile, "DevToolsActivePort"))
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                tabs = json.loads(await response.text())
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                await page.command("Page.enable")
                yield page


async def _port(file: Path) -> int:
    """Return the port that the browser writes into its profile."""
    try:
        async with asyncio.timeout(START_TIMEOUT):
            while True:
                if written := _text(file):
                    return int(written.split()[0])
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise ProcessError("Chromium does not start") from None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""
