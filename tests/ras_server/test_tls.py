"""TLS of the server: its versions and suites, and what a client may check."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
import ssl

from aiohttp import ClientConnectorError, ClientSession, Fingerprint, TCPConnector
import pytest

from ras_server.settings import Settings, SettingsError
from ras_server.tls import server_context
from tests.ras_server.processes import serving


def pem_to_der(path: str) -> bytes:
    """Return the DER bytes of a PEM file."""
    return ssl.PEM_cert_to_DER_cert(Path(path).read_text(encoding="ascii"))


def trusting(secure: Settings) -> ssl.SSLContext:
    """Return a client's context that trusts the server."""
    return ssl.create_default_context(cafile=secure.cert)


async def test_secure(url: str, secure: Settings) -> None:
    """A client that trusts the certificate is answered, and told to stay with TLS."""
    async with (
        ClientSession(connector=TCPConnector(ssl=trusting(secure))) as session,
        session.get(f"{url}/v1/info") as response,
    ):
        assert response.status == 200
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_pinned(url: str, secure: Settings) -> None:
    """A client may pin the certificate by its SHA-256 fingerprint."""
    pin = Fingerprint(sha256(pem_to_der(secure.cert)).digest())
    async with ClientSession() as session, session.get(f"{url}/v1/info", ssl=pin) as response:
        assert response.status == 200


async def test_modest(url: str, secure: Settings) -> None:
    """A client that speaks TLS 1.2 with forward secrecy and AEAD is answered."""
    context = trusting(secure)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")

    async with (
        ClientSession(connector=TCPConnector(ssl=context)) as session,
        session.get(f"{url}/v1/info") as response,
    ):
        assert response.status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("maximum", "suites"),
    [
        pytest.param(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", id="TLS 1.1"),
        pytest.param(ssl.TLSVersion.TLSv1_2, "ECDHE+AES128+SHA256:!AESGCM", id="CBC"),
        pytest.param(ssl.TLSVersion.TLSv1_2, "AESGCM+kRSA", id="no forward secrecy"),
    ],
)
async def test_weak(url: str, secure: Settings, maximum: ssl.TLSVersion, suites: str) -> None:
    """What is weak finds no server."""
    context = trusting(secure)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = maximum
    context.set_ciphers(suites)

    async with ClientSession(connector=TCPConnector(ssl=context)) as session:
        with pytest.raises(ClientConnectorError):
            await session.get(f"{url}/v1/info")


def test_versions(secure: Settings) -> None:
    """The server speaks TLS 1.2 and 1.3, with authenticated encryption only."""
    context = server_context(secure)

    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    for suite in context.get_ciphers():
        assert "GCM" in suite["name"] or "CHACHA20" in suite["name"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1"])
def test_plain_on_loopback(settings: Settings, host: str) -> None:
    """Plain HTTP is for this machine only."""
    assert server_context(replace(settings, host=host)) is None


@pytest.mark.parametrize("host", ["192.0.2.1", "::", "2001:db8::1"])
def test_plain_beyond_loopback(settings: Settings, host: str) -> None:
    """Without a certificate nobody else is served."""
    with pytest.raises(SettingsError, match="loopback"):
        server_context(replace(settings, host=host))


def test_certificate_of_another_key(secure: Settings, tmp_path: Path) -> None:
    """Files that do not belong together are named."""
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")

    with pytest.raises(SettingsError, match=r"broken\.pem"):
        server_context(replace(secure, key=str(broken)))


async def test_serve(folder: Path, secure: Settings) -> None:
    """`ras serve` speaks TLS when it is given a certificate."""
    async with (
        serving(folder, "--cert", secure.cert, "--key", secure.key) as server,
        ClientSession(connector=TCPConnector(ssl=trusting(secure))) as session,
        session.get(f"{server.url}/healthz") as response,
    ):
        assert server.url.startswith("https://127.0.0.1:")
        assert response.status == 200
