"""A server that is set up already: not twice; a new login; another address."""

from pathlib import Path

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigEntryState,
)
from homeassistant.const import CONF_CODE, CONF_METHOD, CONF_PASSWORD, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.igrs.const import CONF_GATEWAY_SECRET, DOMAIN
from custom_components.igrs.flow_errors import CONF_ACCOUNT
from tests.integration.flow import begin, discovered, log_in, revisit, server_id, submit, suggested
from tests.integration.server import Certificate, Ras, running_ras
from tests.ras_server.client import verifier

pytestmark = pytest.mark.usefixtures("socket_enabled", "radio")


@pytest.fixture
async def entry(hass: HomeAssistant, ras: Ras) -> ConfigEntry:
    """Return an entry that was set up by the flow."""
    await log_in(hass, await begin(hass, ras.url), ras)
    return hass.config_entries.async_entries(DOMAIN)[0]


@pytest.mark.usefixtures("entry")
async def test_same_server_twice(hass: HomeAssistant, ras: Ras) -> None:
    """A server is set up once."""
    result = await begin(hass, ras.url)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_announcement_does_not_move_the_gateway(
    hass: HomeAssistant, ras: Ras, entry: ConfigEntry
) -> None:
    """Without a pinned certificate nobody can call the gateway to another address."""
    result = await discovered(
        hass, server_id=await server_id(ras), base_url="https://evil.example.org"
    )

    assert result["reason"] == "already_configured"
    assert entry.data[CONF_URL] == ras.url


async def test_pinned_server_moves(hass: HomeAssistant, tmp_path: Path) -> None:
    """A server that shows the pinned certificate at another address is followed."""
    certificate, stranger = Certificate(tmp_path), Certificate(tmp_path)
    async with running_ras(tmp_path, tls=certificate.context) as ras:
        first = ras.url
        result = await log_in(hass, await submit(hass, await begin(hass, first)), ras)
        entry, identity = result["result"], await server_id(ras)

    async with running_ras(tmp_path, tls=stranger.context) as ras:
        result = await discovered(hass, server_id=identity, base_url=ras.url)
        assert result["reason"] == "already_configured"
        assert entry.data[CONF_URL] == first

    async with running_ras(tmp_path, tls=certificate.context) as ras:
        result = await discovered(hass, server_id=identity, base_url=ras.url)
        await hass.async_block_till_done()
        assert result["reason"] == "already_configured"
        assert entry.data[CONF_URL] == ras.url
        assert entry.state is ConfigEntryState.LOADED
        await hass.config_entries.async_unload(entry.entry_id)


async def test_reauth(hass: HomeAssistant, ras: Ras, entry: ConfigEntry) -> None:
    """A new login gives the same gateway a new secret, and the entry starts again."""
    before = dict(entry.data)
    result = await log_in(hass, await revisit(hass, entry, SOURCE_REAUTH), ras)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data[CONF_GATEWAY_SECRET] != before[CONF_GATEWAY_SECRET]
    assert {**entry.data, CONF_GATEWAY_SECRET: ""} == {**before, CONF_GATEWAY_SECRET: ""}
    assert entry.state is ConfigEntryState.LOADED


async def test_password_reset(hass: HomeAssistant, ras: Ras, entry: ConfigEntry) -> None:
    """After a password reset the entry asks for a new login by itself, and starts after it."""
    proved = await ras.person.verified(ras.account, "reset")
    await ras.person.post("/v1/users/reset", proved | {"scram": verifier("new password")})
    assert not await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH

    ras.password = "new password"
    result = await log_in(hass, flow, ras)

    assert result["reason"] == "reauth_successful"
    assert entry.state is ConfigEntryState.LOADED


async def test_reauth_with_another_account(
    hass: HomeAssistant, ras: Ras, entry: ConfigEntry
) -> None:
    """Another account does not take over the locks of this one."""
    before = dict(entry.data)
    await ras.person.another().enter("bert@example.org")
    result = await submit(
        hass,
        await revisit(hass, entry, SOURCE_REAUTH),
        {CONF_ACCOUNT: "bert@example.org", CONF_PASSWORD: ras.password},
    )
    code = ras.outbox.code("bert@example.org")
    result = await submit(hass, result, {CONF_METHOD: "email", CONF_CODE: code})

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "wrong_account")
    assert entry.data == before


async def test_reconfigure(hass: HomeAssistant, tmp_path: Path) -> None:
    """The same server can be given another address."""
    async with running_ras(tmp_path) as ras:
        entry = (await log_in(hass, await begin(hass, ras.url), ras))["result"]
        await hass.config_entries.async_unload(entry.entry_id)

    result = await revisit(hass, entry, SOURCE_RECONFIGURE)
    gone = await submit(hass, result, {CONF_URL: ras.url})
    async with running_ras(tmp_path) as moved:
        result = await submit(hass, gone, {CONF_URL: moved.url})
        await hass.async_block_till_done()

        assert suggested(gone, CONF_URL) == ras.url
        assert gone["errors"] == {"base": "cannot_connect"}
        assert result["reason"] == "reconfigure_successful"
        assert entry.data[CONF_URL] == moved.url != ras.url
        assert entry.state is ConfigEntryState.LOADED
        await hass.config_entries.async_unload(entry.entry_id)


async def test_reconfigure_to_another_server(
    hass: HomeAssistant, entry: ConfigEntry, tmp_path: Path
) -> None:
    """Another server is not taken for this one."""
    before, folder = dict(entry.data), tmp_path / "other"
    folder.mkdir()
    async with running_ras(folder) as other:
        result = await submit(
            hass, await revisit(hass, entry, SOURCE_RECONFIGURE), {CONF_URL: other.url}
        )

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "wrong_server")
    assert entry.data == before
