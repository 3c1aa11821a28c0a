"""The door: what every request has to keep, and what every answer looks like (2 and 7.6)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer
import pytest

from ras_server.concurrency import ANONYMOUS, CONCURRENCY, NAMED
from ras_server.door import behind
from ras_server.errors import Code, RasError
from ras_server.idempotency import ONCE, once
from ras_server.keys import DATABASE
from ras_server.principal import ACCESS, Kind, allow, public
from ras_server.routes import ROUTES
from ras_server.store import answers
from ras_server.watch import WATCH
from ras_server.web import answer, large_body
from tests.ras_server.client import Client, mid
from tests.ras_server.conftest import MovableClock

ANNA = "anna@example.org"
MID = "01JD8Z0000000000000000000A"


class Counter:
    """Handlers that count how often they ran; each may be told to wait or to fail."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.runs = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.running = asyncio.Event()
        self.error: Exception | None = None

    async def run(self, request: web.Request) -> web.Response:
        """Count, then answer with the number."""
        self.runs += 1
        self.running.set()
        await self.go_on.wait()
        if self.error:
            raise self.error
        return answer(request, {"runs": self.runs, "secret": "canary-once"}, http=201)


@pytest.fixture
def counter(app: web.Application) -> Counter:
    """Return the counter behind /v1/test/..., before the server starts."""
    counter = Counter()

    @public
    @once()
    async def plain(request: web.Request) -> web.Response:
        return await counter.run(request)

    @public
    @once(secret=True)
    async def secret(request: web.Request) -> web.Response:
        return await counter.run(request)

    @public
    async def every_time(request: web.Request) -> web.Response:
        return await counter.run(request)

    @public
    @large_body
    async def large(request: web.Request) -> web.Response:
        return await counter.run(request)

    for handler in plain, secret, every_time, large:
        app.router.add_post(f"/v1/test/{handler.__name__}", behind(handler))
    return counter


@pytest.fixture
async def server(app: web.Application, counter: Counter) -> AsyncIterator[TestServer]:
    """Return the running server with the routes of the counter."""
    assert counter.runs == 0
    server = TestServer(app)
    async with server:
        yield server


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


async def test_once(client: Client, counter: Counter) -> None:
    """A repeated request is not executed again: it gets the first answer."""
    body = {"mid": MID, "x": 1}
    first = await client.post("/v1/test/plain", body)
    second = await client.post("/v1/test/plain", body)

    assert counter.runs == 1
    assert (second.http, second.body) == (first.http, first.body)
    assert "Replayed" not in first.headers
    assert second.headers["Replayed"] == "1"


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/test/plain", {"x": 2}), ("/v1/test/secret", {"x": 1})]
)
async def test_mid_of_another_request(
    client: Client, counter: Counter, path: str, body: dict[str, int]
) -> None:
    """A mid belongs to one request: same route, same body."""
    await client.post("/v1/test/plain", {"mid": MID, "x": 1})
    other = await client.post(path, {"mid": MID} | body)

    assert (other.http, other.code) == (409, 4003)
    assert counter.runs == 1


async def test_mid_of_another_caller(client: Client, counter: Counter) -> None:
    """Two callers may happen to use the same mid."""
    await client.post("/v1/test/plain", {"mid": MID})
    await client.enter(ANNA)
    mine = await client.post("/v1/test/plain", {"mid": MID})

    assert mine.data["runs"] == counter.runs == 2


async def test_still_running(client: Client, counter: Counter) -> None:
    """A repetition of a request that still runs is told to wait."""
    counter.go_on.clear()
    first = asyncio.ensure_future(client.post("/v1/test/plain", {"mid": MID}))
    await counter.running.wait()
    second = await client.post("/v1/test/plain", {"mid": MID})
    counter.go_on.set()

    assert (second.http, second.code) == (409, 4008)
    assert (await first).http == 201
    assert counter.runs == 1


async def test_kept_for_a_day(client: Client, counter: Counter, app: web.Application) -> None:
    """An answer is kept until it is a day old."""
    await client.post("/v1/test/plain", {"mid": MID})
    answers.forget(app[DATABASE], before=0, secrets_before=0)
    kept = await client.post("/v1/test/plain", {"mid": MID})
    answers.forget(app[DATABASE], before=2**40, secrets_before=0)
    forgotten = await client.post("/v1/test/plain", {"mid": MID})

    assert kept.data["runs"] == 1
    assert forgotten.data["runs"] == counter.runs == 2


async def test_secret_answer(
    client: Client, counter: Counter, app: web.Application, clock: MovableClock
) -> None:
    """An answer with secrets is stored sealed, for ten minutes, and never made again."""
    first = await client.post("/v1/test/secret", {"mid": MID})
    stored = answers.get(app[DATABASE], "anonymous", MID)
    again = await client.post("/v1/test/secret", {"mid": MID})
    clock.move(602)
    late = await client.post("/v1/test/secret", {"mid": MID})
    answers.forget(app[DATABASE], before=0, secrets_before=2**40)
    emptied = await client.post("/v1/test/secret", {"mid": MID})

    assert stored is not None
    assert stored.body is not None
    assert b"canary" not in stored.body
    assert again.data == first.data
    assert (late.http, late.code) == (emptied.http, emptied.code) == (409, 4003)
    assert counter.runs == 1


@pytest.mark.parametrize(
    ("error", "runs"),
    [
        pytest.param(RasError(Code.DEVICE_TIMEOUT, "No answer"), 1, id="outcome unknown: kept"),
        pytest.param(RasError(Code.NOT_PERMITTED, "No"), 1, id="refused: kept"),
        pytest.param(RasError(Code.TOO_MANY_TRIES, "Wait", retry_after=9), 2, id="wait: not kept"),
        pytest.param(RasError(Code.NOT_READY, "Later"), 2, id="not ready: not kept"),
        pytest.param(ValueError("canary-error"), 2, id="our fault: not kept"),
    ],
)
async def test_error_once(client: Client, counter: Counter, error: Exception, runs: int) -> None:
    """A refusal is an answer and is kept; what is different a moment later is not."""
    counter.error = error
    first = await client.post("/v1/test/plain", {"mid": MID})
    second = await client.post("/v1/test/plain", {"mid": MID})

    assert counter.runs == runs
    assert first.code == second.code != 0
    assert "canary" not in str(first.body)


async def test_took_too_long(client: Client, server: TestServer, counter: Counter) -> None:
    """A request ends after 25 s, whatever it waits for; the connection serves the next one."""
    assert server.app is not None
    watch = server.app[WATCH]
    assert watch.seconds == 25
    watch.seconds = 0.01
    counter.go_on.clear()

    first, second = await asyncio.gather(
        client.post("/v1/test/plain"), client.post("/v1/test/plain")
    )
    counter.go_on.set()
    watch.seconds = 25
    after = await client.post("/v1/test/plain")

    assert (first.http, first.code) == (second.http, second.code) == (500, 5001)
    assert after.code == 0


async def test_rate(client: Client, clock: MovableClock) -> None:
    """An address without login may ask sixty times at once, then five times a second."""
    clock.stop()
    codes = [(await client.get("/v1/info")).code for _ in range(61)]
    refused = await client.get("/v1/info")
    clock.move(refused.data["retry_after"])

    assert codes == [0] * 60 + [5003]
    assert refused.code == 5003
    assert refused.headers["Retry-After"] == str(refused.data["retry_after"])
    assert (await client.get("/v1/info")).code == 0


@pytest.mark.parametrize(
    ("logs_in", "most"),
    [pytest.param(True, NAMED, id="person"), pytest.param(False, ANONYMOUS, id="address")],
)
async def test_at_the_same_time(
    client: Client,
    counter: Counter,
    app: web.Application,
    clock: MovableClock,
    *,
    logs_in: bool,
    most: int,
) -> None:
    """A caller waits for so many answers at most; nobody else does, and nothing of it is kept."""
    await client.enter(ANNA)
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        client.session = session
        caller, other = client, client.another()
        if not logs_in:
            caller, other = other, caller
        counter.go_on.clear()
        waiting = []
        for number in range(most):
            clock.move(1)  # not too fast
            counter.running.clear()
            waiting.append(asyncio.create_task(caller.post("/v1/test/every_time")))
            await counter.running.wait()
            assert counter.runs == number + 1

        refused = await caller.get("/v1/info")
        served = await other.get("/v1/info")
        counter.go_on.set()
        answers = await asyncio.gather(*waiting)
        after = await caller.get("/v1/info")

    assert (refused.http, refused.code, refused.headers["Retry-After"]) == (429, 5003, "1")
    assert (served.code, after.code) == (0, 0)
    assert {answer.http for answer in answers} == {201}
    assert len(app[CONCURRENCY]) == 0


async def test_not_ready(client: Client, app: web.Application) -> None:
    """A server whose database failed says so, and takes no change."""
    app[DATABASE].failure = OSError("disk full")

    assert (await client.get("/healthz")).http == 200
    assert (await client.get("/readyz")).code == 5004
    assert (await client.post("/v1/test/plain", {"mid": mid()})).http >= 500
    app[DATABASE].failure = None


def test_what_is_stored() -> None:
    """Answers with tokens or secrets are stored sealed."""
    secrets = {handler.__qualname__ for handler, secret in ONCE.items() if secret}

    assert {"refresh", "create", "rotate"} <= secrets


def test_open_to_gateways() -> None:
    """A handler may be open to several kinds of callers."""

    @allow(Kind.USER, Kind.GATEWAY)
    async def handler(request: web.Request) -> web.Response:
        return answer(request)

    assert ACCESS[handler].kinds == {Kind.USER, Kind.GATEWAY}
