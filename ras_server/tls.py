"""TLS of the server: 1.2 or later, and with 1.2 only suites with forward secrecy and AEAD."""

from ipaddress import ip_address
import ssl
from typing import Final

from .settings import Settings, SettingsError

_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """Return how to speak TLS, or None for a loopback address without a certificate."""
    if not settings.cert and not settings.key:
        if not is_loopback(settings.host):
            raise SettingsError(
                f"{settings.host} is not a loopback address: give --cert and --key,"
                " plain HTTP is for this machine only"
            )
        return None
    if not settings.cert or not settings.key:
        raise SettingsError("cert and key belong together: give both, or none")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.cert, settings.key)
    except OSError as err:  # ssl.SSLError is one
        reason = err.strerror or "not a certificate with its key"
        raise SettingsError(f"{settings.cert}, {settings.key}: {reason}") from None
    return context


def is_loopback(host: str) -> bool:
    """Return whether an address is that of this machine; what is no address is told elsewhere."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return True
