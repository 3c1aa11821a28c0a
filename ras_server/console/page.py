"""What every page of the console has in common: its visitor, its form, its headers, its errors.

A form is accepted only from a page of this server: the browser names the origin it comes from, its
cookies never travel from another site (SameSite=Strict), and it holds a token that only a page of
this visitor could show. No page has a script, and no page needs one.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
import hmac
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aiohttp import web
from yarl import URL

from ..concurrency import ANONYMOUS, CONCURRENCY
from ..errors import Code, RasError
from ..keys import DATABASE, SETTINGS, VAULT, new_mid, now
from ..principal import public
from ..rate import limit, network
from ..web import BODY_SIZE, pages
from .inside import ask
from .texts import DONE, problem
from .visits import Visit, end_visit, find_visit, new_cookie

HOME: Final = "/console/"
LOGIN: Final = "/console/login"

_VISIT_COOKIE: Final = "ras_console"
_FORM_COOKIE: Final = "ras_form"
_ZONE_COOKIE: Final = "ras_zone"
_ZONE_LIFE: Final = 365 * 24 * 3600  # seconds
_MOST_FIELDS: Final = 100

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

type Show = Callable[[Visitor], Awaitable[web.Response]]
"""Answers a visitor with a page."""


class Visitor:
    """Who looks at a page, and what he sent."""

    home: ClassVar[str] = HOME
    """Where the name of the server leads to; "" is nowhere."""
    referrer: ClassVar[str] = "same-origin"
    """Who is told which page a link or a form stands on."""

    def __init__(self, request: web.Request) -> None:
        """Recognise a visitor by his cookie."""
        self.request = request
        self.app = request.app
        self._blank = request.clone()  # of a request that was read there is none
        self._form: dict[str, list[str]] = {}
        self._form_cookie = request.cookies.get(_FORM_COOKIE) or new_cookie(self.app)
        self.cookies: dict[str, tuple[str, int | None]] = {}
        """What the answer sets: value and life in seconds; None is as long as the browser runs."""
        cookie = request.cookies.get(_VISIT_COOKIE, "")
        self.visit: Visit | None = find_visit(self.app, cookie) if cookie else None
        self.problem: RasError | None = None
        """Why the form of this page was refused."""

    @property
    def user_id(self) -> str:
        """Return who is logged in; "" if nobody is."""
        return self.visit.user_id if self.visit else ""

    @property
    def path(self) -> dict[str, str]:
        """Return what the pattern of the path found, quoted for a path of the API."""
        return {name: quote(value, safe="") for name, value in self.request.match_info.items()}

    @property
    def zone(self) -> ZoneInfo:
        """Return the visitor's time zone."""
        return _zone(self.request.cookies.get(_ZONE_COOKIE, "")) or ZoneInfo("UTC")

    @property
    def must_repeat(self) -> bool:
        """Return whether a page has to ask for itself once more.

        A link from another site brings no cookie; the page that repeats it does.
        """
        request = self.request
        return request.method == "GET" and request.headers.get("Sec-Fetch-Site") == "cross-site"

    @property
    def form_token(self) -> str:
        """Return what the forms of this visitor hold."""
        key = self.app[VAULT].derive("console form")
        whose = f"{self._form_cookie} {self.visit.session_id if self.visit else ''}"
        return hmac.digest(key, whose.encode(), "sha256").hex()

    def field(self, name: str) -> str:
        """Return a field of the form without the white space around it; "" if it is not there."""
        return self.secret(name).strip()

    def secret(self, name: str) -> str:
        """Return a field of the form as it was typed."""
        return self._form.get(name, [""])[0]

    def number(self, name: str) -> int:
        """Return a field of the form that holds a number; 0 if it holds none."""
        text = self.field(name)
        return int(text[:18]) if text.isascii() and text.isdigit() else 0

    def fields(self, name: str) -> list[str]:
        """Return all values of a field of the form."""
        return self._form.get(name, [])

    async def read_form(self) -> None:
        """Take the form, or refuse one that no page of this server has shown this visitor."""
        origin = self.request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != self.request.host:
            raise RasError(Code.NOT_PERMITTED, "The form comes from another site")
        await self.take_form()
        given = self.field("token").encode()
        if _FORM_COOKIE not in self.request.cookies or not hmac.compare_digest(
            given, self.form_token.encode()
        ):
            raise RasError(Code.NOT_PERMITTED, "The form is not of this visitor")

    async def take_form(self) -> None:
        """Take the fields of the form."""
        for name, value in await _pairs(self.request):
            self._form.setdefault(name, []).append(value)

    async def ask(
        self, method: str, path: str | URL, fields: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask the API in the name of the visitor.

        A change carries the `mid` of the form: sent twice, it is made once.
        """
        shown = await self.authorization()
        mid = {"mid": self.field("mid")} if self.field("mid") else {}
        return await ask(self._blank, method, path, mid | (fields or {}), authorization=shown)

    async def ask_as_nobody(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Post to a part of the API that is open to all."""
        return await ask(self._blank, "POST", path, fields)

    async def authorization(self) -> str:
        """Return what the visitor shows to the API."""
        if (visit := self.visit) is None:
            raise RasError(Code.TOKEN_INVALID, "Nobody is logged in")
        async with visit.renewing:
            if visit.is_stale(at := now(self.app)):
                old = {"refresh_token": visit.refresh_token}
                visit.take(await ask(self._blank, "POST", "/v1/auth/refresh", old), at)
        return f"Bearer {visit.access_token}"

    def render(self, template: str, *, http: int = 200, **values: Any) -> web.Response:
        """Return a page."""
        from .markup import render  # noqa: PLC0415 - jinja2 is loaded by the first page

        text = render(
            template,
            visitor=self,
            home=self.home,
            now=now(self.app),
            mid=lambda: new_mid(self.app),
            zone=self.zone,
            server=self.app[SETTINGS].name,
            done=DONE.get(self.request.query.get("done", "")),
            problem=problem(self.problem) if self.problem else None,
            **values,
        )
        return web.Response(
            text=text, content_type="text/html", status=self.problem.http if self.problem else http
        )

    def go(self, path: str, done: str = "") -> web.Response:
        """Return the way to a page, which then says what was done."""
        url = URL(path)
        return web.Response(
            status=303, headers={"Location": str(url.update_query(done=done) if done else url)}
        )

    def keep(self, name: str, value: str, life: int | None) -> None:
        """Set a cookie with the answer."""
        self.cookies[name] = (value, life)

    def enter(self, cookie: str) -> None:
        """Set the cookie of a visit."""
        self.keep(_VISIT_COOKIE, cookie, None)

    def leave(self) -> None:
        """End the visit."""
        end_visit(self.app, self.request.cookies.get(_VISIT_COOKIE, ""))
        self.keep(_VISIT_COOKIE, "", 0)

    def choose_zone(self, name: str) -> None:
        """Keep a time zone, or raise 4001."""
        if _zone(name) is None:
            raise RasError(Code.MALFORMED, "No time zone", errors=[("/zone", "not a time zone")])
        self.keep(_ZONE_COOKIE, name, _ZONE_LIFE)

    def refused(self, err: RasError) -> web.Response:
        """Tell why there is no page; who is not logged in, or not lately, is asked to log in."""
        if err.code is Code.TOKEN_INVALID:
            self.leave()
            return self.go(str(URL(LOGIN).with_query(next=_next(self.request), why="over")))
        if err.code is Code.SECOND_FACTOR_NEEDED:
            return self.go(str(URL(LOGIN).with_query(next=_next(self.request), why="fresh")))
        self.problem = err
        return self.render("problem.html")

    def finish(self, response: web.Response) -> web.Response:
        """Give an answer the headers of the console and its cookies."""
        self.set_cookies(response)
        response.headers.update(_HEADERS | {"Referrer-Policy": self.referrer})
        if self.problem is not None and self.problem.retry_after is not None:
            response.headers["Retry-After"] = str(self.problem.retry_after)
        return response

    def set_cookies(self, response: web.Response) -> None:
        """Set the cookies of the visitor."""
        settings = self.app[SETTINGS]
        secure = bool(settings.cert) or settings.url.startswith("https:")
        if _FORM_COOKIE not in self.request.cookies:
            self.keep(_FORM_COOKIE, self._form_cookie, None)
        for name, (value, life) in self.cookies.items():
            response.set_cookie(
                name,
                value,
                max_age=life,
                path="/console",
                httponly=True,
                secure=secure,
                samesite="Strict",
            )


def page(show: Show, *, open_to_all: bool = False) -> Callable[..., Awaitable[web.Response]]:
    """Return the handler of a page; only `open_to_all` shows itself to who is not logged in."""
    return page_for(Visitor, show, open_to_all=open_to_all)


def page_for[V: Visitor](
    kind: Callable[[web.Request], V],
    show: Callable[[V], Awaitable[web.Response]],
    *,
    open_to_all: bool,
) -> Callable[..., Awaitable[web.Response]]:
    """Return the handler of a page for a kind of visitors."""

    @pages
    @public
    @wraps(show)
    async def handler(request: web.Request) -> web.Response:
        visitor = kind(request)
        concurrency, caller = visitor.app[CONCURRENCY], network(request)
        try:
            concurrency.begin(caller, ANONYMOUS)
            try:
                response = await _shown(visitor, show, open_to_all=open_to_all)
            finally:
                concurrency.end(caller)
        except RasError as err:
            response = visitor.refused(err)
        except web.HTTPRequestEntityTooLarge as err:
            visitor.problem = RasError(Code.MALFORMED, err.reason, http=err.status)
            response = visitor.render("problem.html")
        return visitor.finish(response)

    return handler


async def _shown[V: Visitor](
    visitor: V, show: Callable[[V], Awaitable[web.Response]], *, open_to_all: bool
) -> web.Response:
    request = visitor.request
    if visitor.app[SETTINGS].limits:
        limit(request, None)
    if visitor.must_repeat:
        return visitor.render("again.html")
    if visitor.visit is None and not open_to_all:
        return visitor.go(str(URL(LOGIN).with_query(next=_next(request))))
    if request.method == "POST":
        await visitor.read_form()
    response = await show(visitor)
    await visitor.app[DATABASE].settle()
    return response


async def _pairs(request: web.Request) -> list[tuple[str, str]]:
    """Return the names and values of a form, or raise 4001."""
    raw = await request.read()
    if len(raw) > BODY_SIZE:
        raise web.HTTPRequestEntityTooLarge(BODY_SIZE, len(raw))
    try:
        return parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise RasError(Code.MALFORMED, "This is not a form") from None


def _zone(name: str) -> ZoneInfo | None:
    """Return a time zone, or None if there is none of this name."""
    try:
        return ZoneInfo(name)
    except OSError, ValueError, ZoneInfoNotFoundError:
        return None


def _next(request: web.Request) -> str:
    """Return the page to show after the login: this one, or the one that its form stands on."""
    if request.method == "GET":
        return request.path_qs
    path = request.headers.get("Referer", "").partition("://")[2].partition("/")[2]
    return f"/{path}".partition("?")[0]
