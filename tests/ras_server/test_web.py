"""The door: what every request has to keep, and what every answer looks like (2 and 7.6)."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
import pytest

from ras_server.keys import DATABASE
from ras_server.principal import ACCESS, Kind, allow
from ras_server.routes import ROUTES
from ras_server.web import answer
from tests.ras_server.client import ANNA, Client, mid
from tests.ras_server.conftest import MovableClock
from tests.ras_server.counter import MID, Counter

pytestmark = pytest.mark.usefixtures("counter")  # before the server starts


def test_every_route_says_who_may_use_it() -> None:
    """No handler is open by mistake."""
    assert [route.path for route in ROUTES if route.handler not in ACCESS] == []


def test_routes_of_the_administrator() -> None:
    """What stands under /v1/admin is the administrator's, and nobody else's."""
    for route in ROUTES:
        administrative = route.path.startswith("/v1/admin/")
        assert (ACCESS[route.handler].kinds == {Kind.ADMIN}) is administrative, route.path


@pytest.mark.parametrize("path", ["/v1/admin/users", "/v1/admin/backup"])
async def test_administration_over_the_network(client: Client, path: str) -> None:
    """Over the network there is no administration, whoever asks."""
    assert (await client.request("GET" if "users" in path else "POST", path)).code == 4005
    await client.enter(ANNA)
    assert (await client.request("GET" if "users" in path else "POST", path)).code == 4005


@pytest.mark.parametrize(
    ("method", "path", "http", "code"),
    [
        ("GET", "/nowhere", 404, 4005),
        ("POST", "/nowhere", 404, 4005),
        ("GET", "/v1/auth/refresh", 405, 4001),
        ("PUT", "/v1/info", 405, 4001),
        ("GET", "/v1/users/me", 401, 1007),
        ("GET", "/v1/info", 200, 0),
        ("GET", "/healthz", 200, 0),
        ("GET", "/readyz", 200, 0),
    ],
)
async def test_shape(client: Client, method: str, path: str, http: int, code: int) -> None:
    """Every answer has the same body, and no answer says which software runs here."""
    result = await client.request(method, path)

    assert (result.http, result.code) == (http, code)
    assert result.body.keys() == {"status", "code", "msg", "mid", "ts", "data"}
    assert result.body["status"] == (0 if code == 0 else 1)
    assert result.headers["Server"] == "ras"
    assert result.headers["Cache-Control"] == "no-store"
    assert result.headers["Request-Id"]


async def test_method_not_allowed_says_which_is(client: Client) -> None:
    """A wrong method is told the right ones."""
    assert (await client.get("/v1/auth/refresh")).headers["Allow"] == "POST"


async def test_mid_comes_back(client: Client) -> None:
    """An answer carries the mid of its request, from the body or from the header."""
    by_body = await client.post("/v1/test/every_time", {"mid": MID})
    async with client.session.post(
        f"{client.url}/v1/test/every_time", headers={"Mid": MID}
    ) as response:
        by_header = await response.json()

    assert by_body.body["mid"] == by_header["mid"] == MID


@pytest.mark.parametrize(
    ("body", "http", "code"),
    [
        pytest.param(b"{}", 400, 4001, id="no mid"),
        pytest.param(b"", 400, 4001, id="nothing"),
        pytest.param(b"{%s}", 201, 0, id="right"),
        pytest.param(b'{%s, "a": ' + b"[" * 15 + b"]" * 15 + b"}", 201, 0, id="16 levels"),
        pytest.param(b'{"mid": "x"}', 400, 4001, id="short mid"),
        pytest.param(b'{"mid": "81JD8Z0000000000000000000A"}', 400, 4001, id="mid too large"),
        pytest.param(b'{"mid": "01JD8Z0000000000000000000A\\n"}', 400, 4001, id="line end"),
        pytest.param(b'{"mid": 1}', 400, 4001, id="number as mid"),
        pytest.param(b"[]", 400, 4001, id="list"),
        pytest.param(b"{", 400, 4001, id="no JSON"),
        pytest.param(b'{%s, "a": NaN}', 400, 4001, id="NaN"),
        pytest.param(b'{%s, "a": "\xff"}', 400, 4001, id="no UTF-8"),
        pytest.param(b'{%s, "a": "\\ud800"}', 400, 4001, id="lone surrogate"),
        pytest.param(b'{%s, "a": "\\u0007"}', 400, 4001, id="control character"),
        pytest.param(b'{%s, "a\\n": 1}', 400, 4001, id="control character in a name"),
        pytest.param(b'{%s, "a": ' + b"[" * 16 + b"]" * 16 + b"}", 400, 4001, id="17 levels"),
        pytest.param(b'{%s, "a":"' + b"x" * 65536 + b'"}', 413, 4001, id="large"),
    ],
)
async def test_body(client: Client, counter: Counter, body: bytes, http: int, code: int) -> None:
    """A body that is not what it should be reaches no handler."""
    data = body.replace(b"%s", b'"mid": "01JD8Z0000000000000000000A"')
    async with client.session.post(f"{client.url}/v1/test/plain", data=data) as response:
        result = await response.json()

    assert (response.status, result["code"]) == (http, code)
    assert counter.runs == (1 if code == 0 else 0)


async def test_large_body_in_pieces(client: Client, counter: Counter) -> None:
    """The limit holds for a body whose length is not announced, too."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b" " * 1024

    async with client.session.post(f"{client.url}/v1/test/plain", data=pieces()) as response:
        result = await response.json()

    assert (response.status, result["code"]) == (413, 4001)
    assert counter.runs == 0


async def test_body_that_cannot_be_unpacked(client: Client, counter: Counter) -> None:
    """A body that is not packed as it says is refused."""
    headers = {"Content-Encoding": "gzip", "Mid": MID}
    async with client.session.post(
        f"{client.url}/v1/test/plain", data=b"nothing packed", headers=headers
    ) as response:
        result = await response.json()

    assert (response.status, result["code"]) == (400, 4001)
    assert counter.runs == 0


async def test_log_may_be_larger(client: Client) -> None:
    """Some routes take up to 1 MiB."""
    filling = {"filling": "x" * 500_000}

    assert (await client.post("/v1/test/large", filling)).http == 201
    assert (await client.post("/v1/test/large", {"filling": "x" * 1_100_000})).http == 413


@pytest.mark.parametrize(
    ("off", "code"), [(0, 0), (59, 0), (-59, 0), (62, 4004), (-62, 4004), (None, 4001)]
)
async def test_time_stamp(client: Client, clock: MovableClock, off: int | None, code: int) -> None:
    """A request may say its time, and is refused if that is more than a minute off."""
    ts: Any = "now" if off is None else int(clock()) + off

    assert (await client.post("/v1/test/every_time", {"ts": ts})).code == code


async def test_not_ready(client: Client, app: web.Application) -> None:
    """A server whose database failed says so, and takes no change."""
    app[DATABASE].failure = OSError("disk full")

    assert (await client.get("/healthz")).http == 200
    assert (await client.get("/readyz")).code == 5004
    assert (await client.post("/v1/test/plain", {"mid": mid()})).http >= 500
    app[DATABASE].failure = None


def test_open_to_gateways() -> None:
    """A handler may be open to several kinds of callers."""

    @allow(Kind.USER, Kind.GATEWAY)
    async def handler(request: web.Request) -> web.Response:
        return answer(request)

    assert ACCESS[handler].kinds == {Kind.USER, Kind.GATEWAY}
