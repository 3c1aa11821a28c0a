"""A request that is repeated is executed once, and its answer kept for as long as it may be."""

import asyncio

from aiohttp import web
import pytest

from ras_server.errors import Code, RasError
from ras_server.idempotency import ONCE
from ras_server.keys import DATABASE
from ras_server.store import answers
from tests.ras_server.client import ANNA, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.counter import MID, Counter

pytestmark = pytest.mark.usefixtures("counter")  # before the server starts


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


def test_what_is_stored() -> None:
    """Answers with tokens or secrets are stored sealed."""
    secrets = {handler.__qualname__ for handler, secret in ONCE.items() if secret}

    assert {"refresh", "create", "rotate"} <= secrets
