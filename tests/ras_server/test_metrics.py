"""The metrics: who sees them, what they count, and what they never tell."""

from dataclasses import replace
import re
import sys

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
import pytest

from ras_server import metrics
from ras_server.app import create_app
from ras_server.settings import Settings, SettingsError
from ras_server.vault import Vault
from tests.ras_server.canary import use_everything
from tests.ras_server.client import Client, Outbox
from tests.ras_server.conftest import MASTER_KEY

TOKEN = "a token of the operator"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return the settings of a server with metrics."""
    return replace(settings, metrics=True)


async def scraped(client: Client, **headers: str) -> tuple[int, str]:
    """Return status and text of the metrics."""
    async with client.session.get(f"{client.url}/metrics", headers=headers) as response:
        return response.status, await response.text()


def value(text: str, sample: str) -> float:
    """Return the value of a sample."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


async def test_counts(client: Client, app: web.Application) -> None:
    """Requests, refusals and entries of the audit are counted, and the state is told."""
    await client.enter("anna@example.org")
    await client.get("/v1/users/me")
    await client.get("/v1/users/me")
    await client.another("nothing").get("/v1/users/me")
    http, text = await scraped(client)

    labels = '{http="%s",method="GET",route="/v1/users/me"}'
    assert http == 200
    assert value(text, "ras_request_seconds_count" + labels % 200) == 2
    assert value(text, "ras_request_seconds_count" + labels % 401) == 1
    assert value(text, 'ras_refusals_total{code="1007"}') == 1
    assert value(text, 'ras_audit_entries_total{action="user.login",result="0"}') == 1
    assert value(text, "ras_audit_head") == 2
    assert value(text, "ras_up") == 1
    assert value(text, "ras_push_connections") == 0
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-Ip"], ids=str)
async def test_behind_a_proxy(client: Client, header: str) -> None:
    """Who comes through a proxy on this machine is not on this machine."""
    assert (await scraped(client, **{header: "192.0.2.1"}))[0] == 404


async def test_token(settings: Settings) -> None:
    """With a token the metrics are for who shows it, and for nobody else."""
    app = create_app(replace(settings, metrics_token=TOKEN), vault=Vault(MASTER_KEY))
    async with TestServer(app) as server, ClientSession() as session:
        client = Client(session, str(server.make_url("/")), Outbox())
        shown = await scraped(client, Authorization=f"Bearer {TOKEN}")
        without = await scraped(client)
        wrong = await scraped(client, Authorization=f"Bearer {TOKEN}!")

    assert shown[0] == 200
    assert without[0] == wrong[0] == 404
    assert TOKEN not in repr(app[metrics.SETTINGS])


async def test_switched_off(settings: Settings) -> None:
    """Without the setting there are no metrics."""
    app = create_app(replace(settings, metrics=False), vault=Vault(MASTER_KEY))
    async with TestServer(app) as server, ClientSession() as session:
        client = Client(session, str(server.make_url("/")), Outbox())

        assert (await scraped(client))[0] == 404


async def test_canary(client: Client) -> None:
    """No secret, no person, no device and no address is in the metrics."""
    secrets, _ = await use_everything(client)
    _, text = await scraped(client)

    for secret in secrets | {client.user_id, "example.org", "+49", "127.0.0.1", "u-", "g-"}:
        assert secret not in text
    assert 'route="/v1/gateways/{gateway_id}/rotate"' in text


def test_without_the_library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is to have metrics and lacks the library says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(SettingsError, match="install igrs-ras"):
        metrics.available(settings)
    metrics.available(replace(settings, metrics=False))


def test_short_token(settings: Settings) -> None:
    """A token that can be guessed is refused, and not told."""
    with pytest.raises(SettingsError, match="at least 16") as wrong:
        replace(settings, metrics_token="0815").check()

    assert "0815" not in str(wrong.value)
