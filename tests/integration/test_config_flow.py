"""Setting up the server and the account, against a real server."""

import logging
from pathlib import Path
from unittest.mock import patch

from aiohttp.test_utils import unused_port
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_CODE, CONF_METHOD, CONF_PASSWORD, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.igrs.const import (
    CONF_FINGERPRINT,
    CONF_GATEWAY_ID,
    CONF_GATEWAY_SECRET,
    CONF_SERVER_ID,
    CONF_USER_ID,
)
from custom_components.igrs.flow_errors import CONF_ACCOUNT
from custom_components.igrs.ras import SCHEMA
from tests.integration.flow import begin, log_in, submit, suggested
from tests.integration.server import Ras, logged, refused_handshakes, running_ras

pytestmark = pytest.mark.usefixtures("socket_enabled", "radio")


async def test_user(hass: HomeAssistant, ras: Ras) -> None:
    """Address, account and code make an entry that keeps the gateway's secret only."""
    result = await log_in(hass, await begin(hass, f" {ras.url}/ "), ras)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    info = (await ras.person.get("/v1/info")).data
    gateways = (await ras.person.get("/v1/gateways")).data["items"]
    assert result["title"] == info["name"]
    assert entry.unique_id == info["server_id"]
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data == {
        CONF_URL: ras.url,
        CONF_SERVER_ID: info["server_id"],
        CONF_USER_ID: ras.person.user_id,
        CONF_GATEWAY_ID: gateways[0]["gateway_id"],
        CONF_GATEWAY_SECRET: entry.data[CONF_GATEWAY_SECRET],
        CONF_FINGERPRINT: None,
    }


async def test_person_is_logged_out(hass: HomeAssistant, ras: Ras) -> None:
    """The login that set up the gateway ends with the flow."""
    before = (await ras.person.get("/v1/users/me/sessions")).data["items"]

    await log_in(hass, await begin(hass, ras.url), ras)

    after = (await ras.person.get("/v1/users/me/sessions")).data["items"]
    assert {item["session_id"] for item in before} == {
        item["session_id"] for item in after if item.get("gateway_id") is None
    }


@pytest.mark.parametrize(
    ("url", "errors"),
    [
        pytest.param("http://ras.example.org", {CONF_URL: "insecure_url"}, id="no TLS"),
        pytest.param("ras", {CONF_URL: "insecure_url"}, id="no address"),
        pytest.param(f"http://127.0.0.1:{unused_port()}", {"base": "cannot_connect"}, id="nobody"),
    ],
)
async def test_wrong_address(
    hass: HomeAssistant, ras: Ras, url: str, errors: dict[str, str]
) -> None:
    """A wrong address is kept in the form; the right one goes on."""
    result = await begin(hass, url)

    assert result["errors"] == errors
    assert suggested(result, CONF_URL) == url
    result = await log_in(hass, await submit(hass, result, {CONF_URL: ras.url}), ras)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_no_tls_at_the_address(hass: HomeAssistant, ras: Ras) -> None:
    """A server that speaks no TLS has no certificate to confirm."""
    with refused_handshakes():
        result = await begin(hass, ras.url.replace("http:", "https:"))

    assert result["errors"] == {"base": "cannot_connect"}
    result = await log_in(hass, await submit(hass, result, {CONF_URL: ras.url}), ras)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("ours", "error"),
    [
        pytest.param(SCHEMA + 1, "server_too_old", id="old server"),
        pytest.param(SCHEMA - 1, "server_too_new", id="new server"),
    ],
)
async def test_other_schema(hass: HomeAssistant, ras: Ras, ours: int, error: str) -> None:
    """A server of another generation is refused, and the text says what to update."""
    with patch("custom_components.igrs.ras.SCHEMA", ours):
        result = await begin(hass, ras.url)

    assert result["errors"] == {"base": error}
    result = await log_in(hass, await submit(hass, result, {CONF_URL: ras.url}), ras)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        pytest.param({CONF_PASSWORD: "wrong"}, {"base": "invalid_auth"}, id="password"),
        pytest.param({CONF_ACCOUNT: "b@example.org"}, {"base": "invalid_auth"}, id="account"),
        pytest.param({CONF_PASSWORD: "\x07"}, {"base": "invalid_auth"}, id="forbidden character"),
    ],
)
async def test_wrong_account(
    hass: HomeAssistant, ras: Ras, typed: dict[str, str], errors: dict[str, str]
) -> None:
    """A wrong login shows the form again, with the account; the right one goes on."""
    right = {CONF_ACCOUNT: ras.account, CONF_PASSWORD: ras.password}
    result = await submit(hass, await begin(hass, ras.url), right | typed)

    assert (result["step_id"], result["errors"]) == ("account", errors)
    assert suggested(result, CONF_ACCOUNT) == (right | typed)[CONF_ACCOUNT]
    assert suggested(result, CONF_PASSWORD) is None
    assert (await log_in(hass, result, ras))["type"] is FlowResultType.CREATE_ENTRY


async def test_impostor(hass: HomeAssistant, ras: Ras) -> None:
    """A server that cannot prove itself gets no further; the real one does."""
    result = await begin(hass, ras.url)
    with patch("custom_components.igrs.scram.hmac.compare_digest", return_value=False):
        wrong = await submit(hass, result, {CONF_ACCOUNT: ras.account, CONF_PASSWORD: ras.password})

    assert wrong["errors"] == {"base": "server_not_genuine"}
    assert (await log_in(hass, wrong, ras))["type"] is FlowResultType.CREATE_ENTRY


async def test_wrong_code(hass: HomeAssistant, ras: Ras) -> None:
    """A wrong code is asked for again; the right one goes on."""
    result = await submit(
        hass,
        await begin(hass, ras.url),
        {CONF_ACCOUNT: ras.account, CONF_PASSWORD: ras.password},
    )
    wrong = await submit(hass, result, {CONF_METHOD: "email", CONF_CODE: "no"})

    assert (wrong["step_id"], wrong["errors"]) == ("second_factor", {CONF_CODE: "wrong_code"})
    result = await submit(hass, wrong, {CONF_METHOD: "email", CONF_CODE: ras.code})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_late_code(hass: HomeAssistant, ras: Ras) -> None:
    """A code after the end of the login leads back to the account; a new login goes on."""
    result = await submit(
        hass,
        await begin(hass, ras.url),
        {CONF_ACCOUNT: ras.account, CONF_PASSWORD: ras.password},
    )
    ras.clock.ahead = 130
    late = await submit(hass, result, {CONF_METHOD: "email", CONF_CODE: ras.code})

    assert (late["step_id"], late["errors"]) == ("account", {"base": "login_expired"})
    assert (await log_in(hass, late, ras))["type"] is FlowResultType.CREATE_ENTRY


async def test_server_gone_between(hass: HomeAssistant, tmp_path: Path) -> None:
    """A server that goes away during the login is told, and the login goes on after it."""
    port = unused_port()
    async with running_ras(tmp_path, port=port) as ras:
        result = await begin(hass, ras.url)
    gone = await submit(hass, result, {CONF_ACCOUNT: ras.account, CONF_PASSWORD: ras.password})
    assert gone["errors"] == {"base": "cannot_connect"}

    async with running_ras(tmp_path, port=port) as ras:
        result = await log_in(hass, gone, ras)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.config_entries.async_unload(result["result"].entry_id)


async def test_nothing_secret_is_logged(
    hass: HomeAssistant, ras: Ras, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither password nor code nor token nor secret is logged, whatever the level."""
    caplog.set_level(logging.DEBUG)
    result = await begin(hass, ras.url)
    wrong = {CONF_ACCOUNT: ras.account, CONF_PASSWORD: "a wrong password"}
    result = await log_in(hass, await submit(hass, result, wrong), ras)

    entry = result["result"]
    told = logged(caplog)
    assert entry.runtime_data.ras._token.token not in told
    assert entry.data[CONF_GATEWAY_SECRET] not in told
    for secret in (ras.password, "a wrong password", ras.account):
        assert secret not in told
    assert ras.code not in told
