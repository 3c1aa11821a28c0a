"""Setting up the server and the account, against a real server."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
import logging
from pathlib import Path
import ssl
from unittest.mock import patch

from aiohttp.test_utils import unused_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.const import CONF_CODE, CONF_METHOD, CONF_PASSWORD, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest

from custom_components.igrs.const import (
    CONF_FINGERPRINT,
    CONF_GATEWAY_ID,
    CONF_GATEWAY_SECRET,
    CONF_SERVER_ID,
    CONF_USER_ID,
    DOMAIN,
)
from custom_components.igrs.flow_errors import CONF_ACCOUNT
from custom_components.igrs.ras import SCHEMA
from tests.integration.server import Ras, logged, refused_handshakes, running_ras
from tests.ras_server.client import verifier

pytestmark = pytest.mark.usefixtures("socket_enabled", "radio")


class Certificate:
    """A certificate that nobody vouches for."""

    def __init__(self, folder: Path) -> None:
        """Make it, for this machine and an hour."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ras")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .sign(key, hashes.SHA256())
        )
        file = folder / "certificate.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        self.fingerprint = certificate.fingerprint(hashes.SHA256())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(file)


@pytest.fixture
async def tls_ras(tmp_path: Path) -> AsyncGenerator[tuple[Ras, Certificate]]:
    """Return a RAS with a certificate of its own."""
    certificate = Certificate(tmp_path)
    async with running_ras(tmp_path, tls=certificate.context) as ras:
        yield ras, certificate


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, user_input: dict[str, str] | None = None
) -> ConfigFlowResult:
    """Fill in the form that the flow shows."""
    return await hass.config_entries.flow.async_configure(result["flow_id"], user_input or {})


async def begin(hass: HomeAssistant, url: str) -> ConfigFlowResult:
    """Start the flow and type an address."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "user")
    return await submit(hass, result, {CONF_URL: url})


async def log_in(hass: HomeAssistant, result: ConfigFlowResult, ras: Ras) -> ConfigFlowResult:
    """Go from the account form to the end of the flow, and let the entry set up."""
    assert result["step_id"] == "account"
    result = await submit(hass, result, {CONF_ACCOUNT: ras.account, CONF_PASSWORD: ras.password})
    assert result["step_id"] == "second_factor"
    result = await submit(hass, result, {CONF_METHOD: "email", CONF_CODE: ras.code})
    await hass.async_block_till_done()
    return result


async def revisit(hass: HomeAssistant, entry: ConfigEntry, source: str) -> ConfigFlowResult:
    """Start a flow about an entry that is there."""
    data = dict(entry.data) if source == SOURCE_REAUTH else None
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": source, "entry_id": entry.entry_id}, data=data
    )


@pytest.fixture
async def entry(hass: HomeAssistant, ras: Ras) -> ConfigEntry:
    """Return an entry that was set up by the flow."""
    await log_in(hass, await begin(hass, ras.url), ras)
    return hass.config_entries.async_entries(DOMAIN)[0]


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


def suggested(result: ConfigFlowResult, name: str) -> str | None:
    """Return what a field of the form is filled with."""
    schema = result["data_schema"]
    assert schema is not None
    field = next(key for key in schema.schema if key == name)
    return (field.description or {}).get("suggested_value")


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


@pytest.mark.usefixtures("entry")
async def test_same_server_twice(hass: HomeAssistant, ras: Ras) -> None:
    """A server is set up once."""
    result = await begin(hass, ras.url)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


def announcement(**properties: str) -> ZeroconfServiceInfo:
    """Return what a server announces."""
    return ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=8470,
        hostname="ras.local.",
        type="_igrs-ras._tcp.local.",
        name="RAS at home._igrs-ras._tcp.local.",
        properties=properties,
    )


async def discovered(hass: HomeAssistant, **properties: str) -> ConfigFlowResult:
    """Let Home Assistant hear an announcement."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_ZEROCONF}, data=announcement(**properties)
    )


async def server_id(ras: Ras) -> str:
    """Return the identity of the server."""
    return str((await ras.person.get("/v1/info")).data["server_id"])


async def test_zeroconf(hass: HomeAssistant, ras: Ras) -> None:
    """An announced server needs no typing of its address."""
    result = await discovered(hass, server_id=await server_id(ras), base_url=ras.url)

    assert result["step_id"] == "zeroconf_confirm"
    flow = hass.config_entries.flow.async_get(result["flow_id"])
    assert flow["context"]["title_placeholders"] == {"name": "RAS at home"}
    result = await log_in(hass, await submit(hass, result), ras)
    assert result["result"].data[CONF_URL] == ras.url


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param({"server_id": "ras-1"}, id="no address"),
        pytest.param({"base_url": "https://192.0.2.1"}, id="no identity"),
        pytest.param({"server_id": "ras-1", "base_url": "http://192.0.2.1"}, id="no TLS"),
    ],
)
async def test_useless_announcement(hass: HomeAssistant, properties: dict[str, str]) -> None:
    """An announcement that leads nowhere is dropped."""
    result = await discovered(hass, **properties)

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "invalid_discovery")


async def test_announced_server_is_gone(hass: HomeAssistant, tmp_path: Path) -> None:
    """An announced server that does not answer can be tried again."""
    port = unused_port()
    result = await discovered(hass, server_id="ras-1", base_url=f"http://127.0.0.1:{port}")
    gone = await submit(hass, result)

    assert gone["errors"] == {"base": "cannot_connect"}
    async with running_ras(tmp_path, port=port) as ras:
        result = await log_in(hass, await submit(hass, gone), ras)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.config_entries.async_unload(result["result"].entry_id)


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


async def test_reauth_keeps_the_pin(hass: HomeAssistant, tls_ras: tuple[Ras, Certificate]) -> None:
    """A new login goes to the server with the pinned certificate."""
    ras, certificate = tls_ras
    result = await log_in(hass, await submit(hass, await begin(hass, ras.url)), ras)
    entry = result["result"]

    result = await log_in(hass, await revisit(hass, entry, SOURCE_REAUTH), ras)

    assert result["reason"] == "reauth_successful"
    assert entry.data[CONF_FINGERPRINT] == certificate.fingerprint.hex()


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
