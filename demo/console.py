"""A person in front of the web console of the RAS, in a browser without a window."""

import json
from typing import Final

from .browser import Page

PATIENCE: Final = 20  # seconds until a page is there

_UNFOLD: Final = "document.querySelectorAll('details').forEach((each) => each.open = true)"
_FIND: Final = "[...document.querySelectorAll({tag})].find((each) => each.innerText === {text})"


class Visitor:
    """Somebody who looks, types and clicks; `window` is the size of the window in CSS pixels."""

    def __init__(self, page: Page, url: str, window: tuple[int, int]) -> None:
        """Sit down in front of the console of a server."""
        self.page = page
        self.url = url
        self.window = window

    async def open(self, path: str) -> None:
        """Open a page."""
        await self.page.evaluate("window.old = true")
        await self.page.show(self.url + path, *self.window)
        await self._arrived()

    async def type(self, label: str, text: str) -> None:
        """Type into the field with a label."""
        field = _FIND.format(tag="'label'", text=json.dumps(label))
        await self.page.evaluate(f"{field}.control.focus()")
        await self.page.command("Input.insertText", text=text)

    async def click(self, text: str) -> None:
        """Press the button with a text, and wait for the page that follows."""
        button = _FIND.format(tag="'button'", text=json.dumps(text))
        await self.page.evaluate(f"window.old = true; {button}.click()")
        await self._arrived()

    async def unfold(self) -> None:
        """Open everything that is folded away."""
        await self.page.evaluate(_UNFOLD)

    async def text(self) -> str:
        """Return the text of the page."""
        return str(await self.page.evaluate("document.body.innerText"))

    async def _arrived(self) -> None:
        await self.page.until("!window.old && document.readyState === 'complete'", PATIENCE)
