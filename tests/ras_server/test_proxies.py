"""A proxy in front: each caller counts for himself, and nobody can say that he is another."""

from dataclasses import replace

import pytest

from ras_server.settings import Settings
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.console.conftest import reader
from tests.ras_server.console.reader import Reader

__all__ = ["reader"]

PROXY = "10.1.2.3"
"""A second proxy, in front of the first."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return the settings of a server behind proxies."""
    return replace(settings, proxies="127.0.0.1, 10.0.0.0/8")


async def ask(client: Client, *told: str) -> int:
    """Ask from an address; return the code."""
    headers = [("X-Forwarded-For", each) for each in told]
    async with client.session.get(f"{client.url}/v1/info", headers=headers) as response:
        return int((await response.json())["code"])


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(["192.0.2.1"], id="one proxy"),
        pytest.param([f"192.0.2.1, {PROXY}"], id="two proxies"),
        pytest.param(["192.0.2.1", PROXY], id="two headers"),
        pytest.param(["192.0.2.77, 192.0.2.1"], id="the caller lies"),
        pytest.param(["nonsense, 192.0.2.1"], id="the caller writes nonsense"),
        pytest.param(["::ffff:192.0.2.1"], id="mapped"),
    ],
)
async def test_caller(client: Client, clock: MovableClock, told: list[str]) -> None:
    """The last address that is no proxy is the caller's: its limit is used up, no other."""
    clock.stop()
    used = [await ask(client, *told) for _ in range(61)]

    assert used == [0] * 60 + [5003]
    assert await ask(client, "192.0.2.1") == 5003
    assert await ask(client, "192.0.2.2") == 0
    assert await ask(client, "192.0.2.77") == 0
    assert await ask(client) == 0
    assert await ask(client, "nonsense") == 0


async def test_console(reader: Reader, clock: MovableClock) -> None:
    """A visitor of the pages counts for himself, too: one guesses links, another does not wait."""
    clock.stop()
    page = f"/g/{'x' * 43}"
    shown = [await reader.get(page, **{"X-Forwarded-For": "192.0.2.1"}) for _ in range(12)]
    other = await reader.get(page, **{"X-Forwarded-For": "192.0.2.2"})

    assert shown[-1].http == 429
    assert other.http == shown[0].http == 404
