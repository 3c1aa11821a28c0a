"""A browser without scripts for tests: it follows links, keeps cookies, fills forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import override

from aiohttp import ClientSession, CookieJar
from yarl import URL

from tests.ras_server.client import PASSWORD, Outbox


@dataclass(slots=True)
class Form:
    """A form: where it goes, and what it holds as it is shown."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)

    def value(self, name: str) -> str:
        """Return the first value of a field."""
        return next(value for known, value in self.fields if known == name)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append(given.get("value", ""))
        elif tag == "input" and self.forms:
            chosen = given.get("type") not in {"checkbox", "radio"} or "checked" in given
            if "name" in given and chosen:
                self.forms[-1].fields.append((given["name"], given.get("value", "")))

    @override
    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())


@dataclass(slots=True, kw_only=True)
class Shown:
    """A page as it is shown."""

    http: int
    path: str
    headers: dict[str, str]
    markup: str
    text: str
    forms: list[Form]

    def form(self, action: str) -> Form:
        """Return the form that goes to a path, which may end in `action`."""
        return next(form for form in self.forms if form.action.endswith(action))


class Reader:
    """One browser."""

    def __init__(self, url: str, outbox: Outbox) -> None:
        """Open the browser at a server."""
        self.url = URL(url)
        self.outbox = outbox
        self.session = ClientSession(cookie_jar=CookieJar(unsafe=True))
        self.origin = str(self.url.origin())
        """The origin that its forms say they come from."""
        self.page: Shown | None = None

    @property
    def shown(self) -> Shown:
        """Return the page that is shown."""
        assert self.page is not None
        return self.page

    async def get(self, path: str | URL, **headers: str) -> Shown:
        """Open a page."""
        url = self.url.join(path if isinstance(path, URL) else URL(path))
        async with self.session.get(url, headers=headers) as response:
            return self._show(response.status, response.url, await response.text(), response)

    async def send(self, action: str, **fields: str | list[str]) -> Shown:
        """Fill the form that goes to `action`, and send it."""
        form = self.shown.form(action)
        data = [(name, value) for name, value in form.fields if name not in fields]
        for name, value in fields.items():
            data += [(name, each) for each in ([value] if isinstance(value, str) else value)]
        headers = {"Origin": self.origin, "Referer": str(self.url.join(URL(self.shown.path)))}
        async with self.session.post(
            self.url.join(URL(form.action)), data=data, headers=headers
        ) as response:
            return self._show(response.status, response.url, await response.text(), response)

    def _show(self, http: int, url: URL, markup: str, response: object) -> Shown:
        parser = _Parser()
        parser.feed(markup)
        self.page = Shown(
            http=http,
            path=url.path_qs,
            headers=dict(getattr(response, "headers", {})),
            markup=markup,
            text=" ".join(parser.text),
            forms=parser.forms,
        )
        return self.page

    async def log_in(self, account: str, password: str = PASSWORD) -> Shown:
        """Log in with both factors."""
        await self.get("/console/login")
        await self.send("/login", account=account, password=password)
        return await self.send("/code", code=self.outbox.code(account))
