"""Codes on their way: mail over a real SMTP server, a webhook over real HTTP."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
import hashlib
import hmac
from pathlib import Path
import socket
import ssl
from typing import Any, Final

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
import pytest

from ras_server.account.delivery import delivery
from ras_server.account.webhook import signed
from ras_server.app import create_app
from ras_server.errors import Code, RasError
from ras_server.settings import Settings, SettingsError
from ras_server.vault import Vault
from tests.ras_server.certificates import certificate
from tests.ras_server.client import ANNA, BORIS, Client, Outbox
from tests.ras_server.conftest import MASTER_KEY

KEY: Final = bytes(range(32))
SECRET: Final = f"whsec_{b64encode(KEY).decode()}"


class Mailbox:
    """What a mail server was given."""

    def __init__(self) -> None:
        """Begin empty, and accept everybody."""
        self.envelopes: list[Envelope] = []
        self.secure: list[bool] = []
        self.reply = "250 OK"

    async def handle_DATA(  # noqa: N802 - named by the library
        self, _: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a mail."""
        self.envelopes.append(envelope)
        self.secure.append(session.ssl is not None)
        return self.reply

    def text(self) -> str:
        """Return the text of the only mail."""
        (envelope,) = self.envelopes
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body()
        assert body is not None
        text: str = body.get_content()
        return text


def tell(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    """Let in who knows the password."""
    right = data == LoginPassword(b"ras", b"secret of the mail server")
    return AuthResult(success=right)


@asynccontextmanager
async def mail_server(mailbox: Mailbox, **options: Any) -> AsyncIterator[int]:
    """Run a mail server, and yield its port."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.port = free_port()
    await asyncio.to_thread(controller.start)
    try:
        yield controller.port
    finally:
        await asyncio.to_thread(controller.stop)


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def by_mail(folder: Path, port: int, **fields: Any) -> Settings:
    """Return the settings of a server that sends mail."""
    chosen: dict[str, Any] = {
        "name": "Home",
        "delivery": "smtp",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_from": "ras@example.org",
        "smtp_security": "none",
    }
    return Settings(folder=folder, **chosen | fields)


async def test_mail(tmp_path: Path) -> None:
    """A code arrives by mail, and not in the subject, which is logged on the way."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        await delivery(by_mail(tmp_path, port))(ANNA, "482913")
    (envelope,) = mailbox.envelopes

    assert envelope.rcpt_tos == [ANNA]
    assert envelope.mail_from == "ras@example.org"
    assert mailbox.text().startswith("482913 is your code for Home.")
    assert isinstance(envelope.content, bytes)
    assert b"482913" not in envelope.content.partition(b"\r\n\r\n")[0]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_in_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    """A mail goes through TLS, with a login, to a server whose certificate is right."""
    cert, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    mailbox = Mailbox()
    options: dict[str, Any] = {"authenticator": tell, "auth_required": True}
    if security == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    else:
        options |= {"ssl_context": context, "auth_require_tls": False}
    async with mail_server(mailbox, **options) as port:
        settings = by_mail(
            tmp_path,
            port,
            smtp_security=security,
            smtp_user="ras",
            smtp_password="secret of the mail server",
        )
        await delivery(settings)(ANNA, "482913")

    assert mailbox.text().startswith("482913")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"smtp_security": "starttls"}, id="no TLS"),
        pytest.param({"smtp_user": "ras", "smtp_password": "x"}, id="no login"),
        pytest.param({"smtp_port": 1}, id="nobody there"),
        pytest.param({}, id="refused"),
    ],
)
async def test_mail_fails(
    tmp_path: Path, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be sent is answered 5004; code and account are in no log and no error."""
    mailbox = Mailbox()
    mailbox.reply = f"550 {ANNA} is not here"
    async with mail_server(mailbox) as port:
        with pytest.raises(RasError) as refused:
            await delivery(by_mail(tmp_path, port, **fields))(ANNA, "482913")

    log = "".join(each.getMessage() for each in caplog.records if "ras_server" in each.name)
    assert refused.value.code is Code.NOT_READY
    assert "could be delivered by smtp" in log
    for secret in ANNA, "482913":
        assert secret not in log
        assert secret not in str(refused.value)


async def test_certificate_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server whose certificate nobody vouches for gets no code."""
    cert, key = certificate(tmp_path)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    mailbox = Mailbox()
    async with mail_server(mailbox, tls_context=context) as port:
        with pytest.raises(RasError):
            await delivery(by_mail(tmp_path, port, smtp_security="starttls"))(ANNA, "482913")

    assert mailbox.envelopes == []


async def test_phone_by_mail(tmp_path: Path) -> None:
    """Mail reaches no phone."""
    with pytest.raises(RasError) as refused:
        await delivery(by_mail(tmp_path, 1))(BORIS, "482913")

    assert refused.value.code is Code.NOT_SUPPORTED


type Answering = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def service(answering: Answering) -> AsyncIterator[str]:
    """Run the service of an operator, and yield its address."""
    app = web.Application()
    app.router.add_post("/codes", answering)
    async with TestServer(app) as server:
        yield str(server.make_url("/codes"))


def by_webhook(folder: Path, url: str, **fields: Any) -> Settings:
    """Return the settings of a server that hands codes to a service."""
    return Settings(
        folder=folder, delivery="webhook", webhook_url=url, webhook_secret=SECRET, **fields
    )


async def test_webhook(tmp_path: Path) -> None:
    """A service gets account and code, signed in the form of the Standard Webhooks."""
    heard: list[tuple[dict[str, str], bytes]] = []

    async def answering(request: web.Request) -> web.Response:
        heard.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    async with service(answering) as url:
        await delivery(by_webhook(tmp_path, url))(BORIS, "482913")
    ((headers, body),) = heard
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    version, signature = headers["webhook-signature"].split(",")

    assert body == b'{"account":{"type":"phone","value":"+491701234567"},"code":"482913"}'
    assert version == "v1"
    assert b64decode(signature) == hmac.digest(KEY, content, hashlib.sha256)


def test_example_of_the_interface() -> None:
    """The signature is that of the example in the description of the interface."""
    headers = signed(KEY, "msg_1", 1795000000, b'{"v":1,"mi":3}')

    assert headers["webhook-signature"] == "v1,QWtDh73+uZhxiNQ0Ytmuw6DUfpvZT7J72HzDQQ+BYC8="


@pytest.mark.parametrize("status", [302, 400, 500])
async def test_webhook_refuses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """A service that does not take the code is not followed elsewhere, and is no delivery."""
    asked = []

    async def answering(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/codes"})

    async with service(answering) as url:
        with pytest.raises(RasError) as refused:
            await delivery(by_webhook(tmp_path, url))(BORIS, "482913")

    assert refused.value.code is Code.NOT_READY
    assert len(asked) == 1
    assert "482913" not in caplog.text


async def test_webhook_is_away(tmp_path: Path) -> None:
    """A service that is not there is no delivery."""
    with pytest.raises(RasError) as refused:
        await delivery(by_webhook(tmp_path, "http://127.0.0.1:1/codes"))(BORIS, "482913")

    assert refused.value.code is Code.NOT_READY


async def test_each_to_its_own(tmp_path: Path) -> None:
    """With mail and a service, mail addresses get mail, and the service gets the phones."""
    heard: list[bytes] = []
    mailbox = Mailbox()

    async def answering(request: web.Request) -> web.Response:
        heard.append(await request.read())
        return web.Response()

    async with service(answering) as url, mail_server(mailbox) as port:
        settings = by_mail(
            tmp_path, port, delivery="smtp, webhook", webhook_url=url, webhook_secret=SECRET
        )
        deliver = delivery(settings)
        await deliver(ANNA, "111111")
        await deliver(BORIS, "222222")

    assert mailbox.text().startswith("111111")
    assert len(heard) == 1
    assert b"222222" in heard[0]


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"delivery": "pigeon"}, ["delivery must be"]),
        ({"delivery": "file:"}, ["delivery must be"]),
        ({"delivery": "console,"}, ["delivery must be"]),
        ({"delivery": "smtp"}, ["needs smtp_host and smtp_from"]),
        (
            {
                "delivery": "smtp",
                "smtp_host": "mail.example.org",
                "smtp_from": "a@example.org",
                "smtp_security": "none",
            },
            ["may be none"],
        ),
        (
            {
                "delivery": "smtp",
                "smtp_host": "mail.example.org",
                "smtp_from": "a@example.org",
                "smtp_security": "ssl",
            },
            ["must be one of"],
        ),
        ({"delivery": "webhook"}, ["webhook_url must begin", "webhook_secret must be"]),
        (
            {
                "delivery": "webhook",
                "webhook_url": "http://192.0.2.1/",
                "webhook_secret": SECRET,
            },
            ["webhook_url must begin"],
        ),
        (
            {
                "delivery": "webhook",
                "webhook_url": "https://example.org/",
                "webhook_secret": "whsec_AAAA",
            },
            ["webhook_secret must be"],
        ),
    ],
)
def test_wrong_settings(tmp_path: Path, fields: dict[str, Any], problems: list[str]) -> None:
    """Settings that cannot deliver are refused at the start, all at once."""
    with pytest.raises(SettingsError) as refused:
        delivery(Settings(folder=tmp_path, **fields))

    assert len(refused.value.args) == len(problems)
    for told, expected in zip(refused.value.args, problems, strict=True):
        assert expected in told


def test_settings_hide_secrets(tmp_path: Path) -> None:
    """Settings that are printed tell no password."""
    settings = by_webhook(tmp_path, "https://example.org/hook-4711", smtp_password="canary-4711")

    assert "4711" not in repr(settings)
    assert SECRET not in repr(settings)


async def test_register_by_mail(tmp_path: Path) -> None:
    """Who registers reads the code in his mail; that a mail server fails is told."""
    mailbox = Mailbox()
    body = {"account": {"type": "email", "value": ANNA}, "purpose": "register"}
    async with (
        mail_server(mailbox) as port,
        TestServer(create_app(by_mail(tmp_path, port), vault=Vault(MASTER_KEY))) as server,
        ClientSession() as session,
    ):
        client = Client(session, str(server.make_url("/")), Outbox())
        mailbox.reply = "451 later"
        failed = await client.post("/v1/users/verification", body)
        mailbox.envelopes.clear()
        mailbox.reply = "250 OK"
        sent = await client.post("/v1/users/verification", body)

    assert (failed.http, failed.code) == (503, 5004)
    assert sent.code == 0
    assert mailbox.text()[:6].isdigit()
