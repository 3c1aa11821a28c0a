"""Setting up a server whose certificate nobody vouches for: it is shown, pinned and guarded."""

from collections.abc import AsyncGenerator
from pathlib import Path

from aiohttp.test_utils import unused_port
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_RECONFIGURE, ConfigEntryState
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.igrs.const import CONF_FINGERPRINT
from custom_components.igrs.issues import Trouble
from tests.integration.flow import begin, log_in, revisit, submit
from tests.integration.home import until
from tests.integration.server import Certificate, Ras, running_ras

pytestmark = pytest.mark.usefixtures("socket_enabled", "radio")


@pytest.fixture
async def tls_ras(tmp_path: Path) -> AsyncGenerator[tuple[Ras, Certificate]]:
    """Return a RAS with a certificate of its own."""
    certificate = Certificate(tmp_path)
    async with running_ras(tmp_path, tls=certificate.context) as ras:
        yield ras, certificate


async def test_own_certificate(hass: HomeAssistant, tls_ras: tuple[Ras, Certificate]) -> None:
    """A certificate that nobody vouches for is shown, and pinned once it is confirmed."""
    ras, certificate = tls_ras
    result = await begin(hass, ras.url)

    assert result["step_id"] == "certificate"
    placeholders = result["description_placeholders"] or {}
    assert placeholders["fingerprint"] == certificate.fingerprint.hex(":").upper()
    result = await log_in(hass, await submit(hass, result), ras)
    assert result["result"].data[CONF_FINGERPRINT] == certificate.fingerprint.hex()


async def test_certificate_changes_before_it_is_confirmed(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    """What is confirmed is the certificate that was shown, not another one."""
    port, shown, other = unused_port(), Certificate(tmp_path), Certificate(tmp_path)
    async with running_ras(tmp_path, port=port, tls=shown.context) as ras:
        result = await begin(hass, ras.url)

    async with running_ras(tmp_path, port=port, tls=other.context) as ras:
        result = await submit(hass, result)

        assert result["step_id"] == "certificate"
        placeholders = result["description_placeholders"] or {}
        assert placeholders["fingerprint"] == other.fingerprint.hex(":").upper()
        result = await log_in(hass, await submit(hass, result), ras)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.config_entries.async_unload(result["result"].entry_id)


async def test_server_gone_before_its_certificate_is_confirmed(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    """A server that goes away is told in the form, which can be confirmed again."""
    port, certificate = unused_port(), Certificate(tmp_path)
    async with running_ras(tmp_path, port=port, tls=certificate.context) as ras:
        result = await begin(hass, ras.url)

    gone = await submit(hass, result)

    assert (gone["step_id"], gone["errors"]) == ("certificate", {"base": "cannot_connect"})
    async with running_ras(tmp_path, port=port, tls=certificate.context) as ras:
        result = await log_in(hass, await submit(hass, gone), ras)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.config_entries.async_unload(result["result"].entry_id)


async def test_reauth_keeps_the_pin(hass: HomeAssistant, tls_ras: tuple[Ras, Certificate]) -> None:
    """A new login goes to the server with the pinned certificate."""
    ras, certificate = tls_ras
    result = await log_in(hass, await submit(hass, await begin(hass, ras.url)), ras)
    entry = result["result"]

    result = await log_in(hass, await revisit(hass, entry, SOURCE_REAUTH), ras)

    assert result["reason"] == "reauth_successful"
    assert entry.data[CONF_FINGERPRINT] == certificate.fingerprint.hex()


def _troubles(hass: HomeAssistant) -> set[str | None]:
    return {issue.translation_key for issue in ir.async_get(hass).issues.values()}


async def test_new_certificate_while_there_are_tickets(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another certificate is told at once, not when the last ticket has ended; until it is right.

    The home goes on with its tickets meanwhile.
    """
    monkeypatch.setattr("custom_components.igrs.push.FIRST_DELAY", 0.1)
    port, old, new = unused_port(), Certificate(tmp_path), Certificate(tmp_path)
    async with running_ras(tmp_path, port=port, tls=old.context) as ras:
        result = await log_in(hass, await submit(hass, await begin(hass, ras.url)), ras)
        entry = result["result"]
        await until(lambda: entry.runtime_data.online)

    async with running_ras(tmp_path, port=port, tls=new.context) as ras:
        await until(lambda: _troubles(hass) == {Trouble.CERTIFICATE_CHANGED})

    async with running_ras(tmp_path, port=port, tls=old.context):
        await until(lambda: entry.runtime_data.online)

        assert not _troubles(hass)
        assert entry.state is ConfigEntryState.LOADED
        await hass.config_entries.async_unload(entry.entry_id)


async def test_new_certificate(hass: HomeAssistant, tmp_path: Path) -> None:
    """A server with a new certificate of its own is not spoken to until a person accepts it."""
    port, old, new = unused_port(), Certificate(tmp_path), Certificate(tmp_path)
    async with running_ras(tmp_path, port=port, tls=old.context) as ras:
        result = await log_in(hass, await submit(hass, await begin(hass, ras.url)), ras)
        entry = result["result"]
        await hass.config_entries.async_unload(entry.entry_id)

    async with running_ras(tmp_path, port=port, tls=new.context) as ras:
        assert not await hass.config_entries.async_setup(entry.entry_id)
        assert entry.error_reason_translation_key == "certificate_changed"

        result = await submit(
            hass, await revisit(hass, entry, SOURCE_RECONFIGURE), {CONF_URL: ras.url}
        )
        assert result["step_id"] == "certificate"
        result = await submit(hass, result)
        await hass.async_block_till_done()

        assert result["reason"] == "reconfigure_successful"
        assert entry.data[CONF_FINGERPRINT] == new.fingerprint.hex()
        assert entry.state is ConfigEntryState.LOADED
        await hass.config_entries.async_unload(entry.entry_id)
