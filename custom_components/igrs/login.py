"""A person's login at the RAS, once, to make this Home Assistant a gateway (API 3 and 4).

SCRAM-SHA-256, then the second factor; the token is used to register the gateway and given back.
"""

import asyncio
from base64 import b64decode, b64encode
from contextlib import suppress
import secrets
from typing import Final

from homeassistant.const import __version__

from .answers import AccessToken, GatewayCredentials, Json, SecondFactor, read
from .ras import RasClient
from .ras_errors import Code, RasError, RasRefusedError
from .scram import NONCE_SIZE, client_final, client_first, verify_server

MECHANISM: Final = "SCRAM-SHA-256"
NAME_LENGTH: Final = 100  # characters of a gateway's name


async def async_log_in(ras: RasClient, account: str, password: str) -> SecondFactor:
    """Prove the password, and let the RAS prove that it knows the account.

    A second factor is always asked for: this client is never a trusted one.

    Raises ScramError if the RAS cannot, RasAuthError if the password is wrong, or another
    RasError.
    """
    first = client_first(canonical_account(account), secrets.token_bytes(NONCE_SIZE))
    body = {"mechanism": MECHANISM, "initial": _encode(first)}
    started = await ras.call("POST", "auth/sasl/start", body)
    server_first = read(_decode, started)
    final = await asyncio.to_thread(client_final, first, password, server_first)

    body = {"sasl_id": started["sasl_id"], "data": _encode(final.message)}
    done = await ras.call("POST", "auth/sasl/step", body)
    verify_server(final, read(_decode, done))
    return read(
        lambda done: SecondFactor(
            sasl_id=str(started["sasl_id"]),
            methods=tuple(str(method) for method in done["methods"]),
        ),
        done,
    )


async def async_second_factor(
    ras: RasClient, login: SecondFactor, method: str, code: str
) -> AccessToken:
    """Finish a login with the code of its second factor, or raise a RasError."""
    body = {"sasl_id": login.sasl_id, "method": method, "code": code}
    return read(AccessToken.from_json, await ras.call("POST", "auth/second-factor", body))


async def async_register_gateway(
    ras: RasClient, token: AccessToken, name: str
) -> GatewayCredentials:
    """Make this Home Assistant a gateway of the account."""
    name = name[:NAME_LENGTH] or "Home Assistant"
    body = {"name": name, "kind": "home_assistant", "version": __version__}
    data = await ras.call("POST", "gateways", body, token=token.token)
    return read(GatewayCredentials.from_json, data)


async def async_renew_gateway(
    ras: RasClient, token: AccessToken, gateway_id: str, name: str
) -> GatewayCredentials:
    """Give the gateway a new secret; if the RAS has removed it, make another."""
    try:
        data = await ras.call("POST", f"gateways/{gateway_id}/rotate", token=token.token)
    except RasRefusedError as err:
        if err.code != Code.RESOURCE_UNKNOWN:
            raise
        return await async_register_gateway(ras, token, name)
    return read(GatewayCredentials.from_json, data)


async def async_log_out(ras: RasClient, token: AccessToken) -> None:
    """End the login; if that fails, it ends by itself."""
    with suppress(RasError):
        await ras.call("POST", "auth/logout", {"all": False}, token=token.token)


def canonical_account(account: str) -> str:
    """Return the SASL name: the phone number in E.164, or the e-mail with lower-case domain."""
    account = account.strip()
    if "@" not in account:
        return "".join(char for char in account if char not in " -()/.")
    local, _, domain = account.rpartition("@")
    return f"{local}@{domain.lower()}"


def _encode(text: str) -> str:
    return b64encode(text.encode()).decode()


def _decode(data: Json) -> str:
    return b64decode(data["data"], validate=True).decode()
