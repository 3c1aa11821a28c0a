"""Codes by mail (SMTP submission, RFC 6409)."""

import asyncio
from collections.abc import Awaitable, Callable
import ssl
from typing import Final

from ..fields import loopback
from ..settings import Settings, SettingsError

_TIMEOUT: Final = 10  # seconds
_SECURITY: Final = ("starttls", "tls", "none")

_TEXT: Final = """\
{code} is your code for {name}.

It is good for ten minutes, and once. If you did not ask for it, somebody typed your address:
without the code he gets no further. Tell it to nobody.
"""


def channel(settings: Settings) -> Callable[[str, str], Awaitable[None]]:
    """Return what sends a code by mail, or raise SettingsError."""
    problems = []
    if not settings.smtp_host or not settings.smtp_from:
        problems.append("delivery by smtp needs smtp_host and smtp_from")
    if settings.smtp_security not in _SECURITY:
        problems.append(f"smtp_security must be one of {', '.join(_SECURITY)}")
    if settings.smtp_security == "none" and not loopback(settings.smtp_host):
        problems.append("smtp_security may be none for a mail server on this machine only")
    if problems:
        raise SettingsError(*problems)

    async def deliver(account: str, code: str) -> None:
        await asyncio.to_thread(_send, settings, account, code)

    return deliver


def _send(settings: Settings, account: str, code: str) -> None:
    """Send one mail; its errors are OSError."""
    # Only who sends mail pays for these 4 MiB.
    from email.message import EmailMessage  # noqa: PLC0415
    from email.utils import formatdate, make_msgid  # noqa: PLC0415
    import smtplib  # noqa: PLC0415

    message = EmailMessage()
    message["From"] = settings.smtp_from
    message["To"] = account
    message["Subject"] = f"Your code for {settings.name}"
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="ras.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEXT.format(code=code, name=settings.name))
    address = settings.smtp_host, settings.smtp_port, "localhost"  # the last: asks no name server
    context = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(*address, timeout=_TIMEOUT, context=context)
        if settings.smtp_security == "tls"
        else smtplib.SMTP(*address, timeout=_TIMEOUT)
    )
    with connection as server:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password)
        server.send_message(message)
