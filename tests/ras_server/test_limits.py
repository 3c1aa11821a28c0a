"""How long, how often, and how many at a time: the limits of requests."""

import asyncio

from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer
import pytest

from ras_server.concurrency import ANONYMOUS, CONCURRENCY, NAMED
from ras_server.watch import WATCH
from tests.ras_server.client import ANNA, Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.counter import Counter

pytestmark = pytest.mark.usefixtures("counter")  # before the server starts


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


async def test_clock_set_back(client: Client, clock: MovableClock) -> None:
    """Who asked before the clock was set back need not wait until it is that late again."""
    before = await client.get("/v1/info")
    clock.set_back(86400)

    assert (before.code, (await client.get("/v1/info")).code) == (0, 0)


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
