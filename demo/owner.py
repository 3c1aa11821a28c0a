"""A person with an account: registers, logs in, and asks the RAS over HTTP, as any client may."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any, Final

import aiohttp
from homeassistant.util.ulid import ulid_now
from scramp import ScramClient, ScramMechanism

from .errors import RasRefusedError

MECHANISM: Final = "SCRAM-SHA-256"
ITERATIONS: Final = 100_000  # the least that the server takes; a demo need not wait for more


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody with an e-mail address, a password, and a mailbox: the server's file of codes."""

    session: aiohttp.ClientSession
    url: str
    mailbox: Path
    account: str
    password: str = field(repr=False)
    user_id: str = ""
    token: str = field(default="", repr=False)

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request and return the data of its answer, or raise RasRefusedError."""
        headers = {"Mid": ulid_now()} if body is None and method != "GET" else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        sent = None if body is None else {"mid": ulid_now(), **body}
        url = f"{self.url}/v1/{path}"
        async with self.session.request(method, url, json=sent, headers=headers) as response:
            answer = await response.json()
        if answer["status"]:
            raise RasRefusedError(answer["code"], answer["msg"])
        return answer["data"]

    def newest_code(self) -> str:
        """Return the last code that was sent to this account."""
        lines = self.mailbox.read_text().splitlines()
        return next(
            str(line["code"])
            for line in map(json.loads, reversed(lines))
            if line["account"] == self.account
        )

    async def register(self, name: str) -> None:
        """Open the account: the password itself stays here."""
        account = {"type": "email", "value": self.account}
        sent = await self.call(
            "POST", "users/verification", {"account": account, "purpose": "register"}
        )
        salt, stored_key, server_key, iterations = ScramMechanism(MECHANISM).make_auth_info(
            self.password, iteration_count=ITERATIONS
        )
        verifier = {
            "mechanism": MECHANISM,
            "salt": _encode(salt),
            "iterations": iterations,
            "stored_key": _encode(stored_key),
            "server_key": _encode(server_key),
        }
        await self.call(
            "POST",
            "users/register",
            {
                "account": account,
                "verification_id": sent["verification_id"],
                "verification_code": self.newest_code(),
                "display_name": name,
                "locale": "en",
                "scram": verifier,
            },
        )

    async def log_in(self) -> None:
        """Prove the password, then give the code that the server sends."""
        client = ScramClient([MECHANISM], self.account, self.password)
        first = client.get_client_first().encode()
        body = {"mechanism": MECHANISM, "initial": _encode(first)}
        started = await self.call("POST", "auth/sasl/start", body)
        client.set_server_first(b64decode(started["data"]).decode())
        final = _encode(client.get_client_final().encode())
        step = {"sasl_id": started["sasl_id"], "data": final}
        done = await self.call("POST", "auth/sasl/step", step)
        client.set_server_final(b64decode(done["data"]).decode())
        factor = {"sasl_id": started["sasl_id"], "method": "email", "code": self.newest_code()}
        tokens = await self.call("POST", "auth/second-factor", factor)
        self.token, self.user_id = tokens["access_token"], tokens["user_id"]


def _encode(data: bytes) -> str:
    return b64encode(data).decode()
