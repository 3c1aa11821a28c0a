"""A client of the server for tests: registration, login and requests over real HTTP."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
import hashlib
import hmac
from itertools import count
import secrets
from typing import Any, Final

from aiohttp import ClientResponse, ClientSession
from scramp import ScramClient, ScramMechanism

from ras_server.account.scram import MECHANISM, MINIMUM_ITERATIONS

ANNA: Final = "anna@example.org"
BORIS: Final = "+491701234567"
PASSWORD: Final = "correct horse battery"

FAST: Final = "HT-SHA-256-NONE"

_numbers = count(secrets.randbits(40))
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def mid() -> str:
    """Return a new message identifier, a ULID."""
    number = next(_numbers)
    return "01" + "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(24)))


class Outbox(list[tuple[str, str]]):
    """The delivery plug-in of tests: keeps each account and code instead of sending it."""

    async def deliver(self, account: str, code: str) -> None:
        """Keep a code."""
        self.append((account, code))

    def code(self, account: str) -> str:
        """Return the newest code of an account."""
        return next(code for known, code in reversed(self) if known == account)


@dataclass(slots=True)
class Answer:
    """The answer to a request: HTTP status, headers and body."""

    http: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> int:
        """Return the code of the answer."""
        return int(self.body["code"])

    @property
    def data(self) -> dict[str, Any]:
        """Return the data of the answer."""
        data: dict[str, Any] = self.body["data"]
        return data


class Client:
    """One caller; `token` goes with each request once it is set."""

    def __init__(self, session: ClientSession, url: str, outbox: Outbox) -> None:
        """Speak to the server at the URL."""
        self.session = session
        self.url = url.rstrip("/")
        self.outbox = outbox
        self.token: str | None = None
        self.user_id = ""
        self.tokens: dict[str, Any] = {}

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def another(self, token: str | None = None) -> Client:
        """Return another caller of the same server."""
        client = Client(self.session, self.url, self.outbox)
        client.token = token
        return client

    async def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Make a request; a change without `mid` gets one."""
        if method != "GET":
            body = {"mid": mid()} | (body or {})
        async with self.session.request(
            method, self.url + path, json=body, headers=self.headers
        ) as response:
            return await _answer(response)

    async def get(self, path: str) -> Answer:
        """Read."""
        return await self.request("GET", path)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Post a body."""
        return await self.request("POST", path, body)

    async def verified(self, account: str, purpose: str = "register") -> dict[str, Any]:
        """Have a code sent, and return the fields that prove the account."""
        named = {"type": "phone" if account.startswith("+") else "email", "value": account}
        sent = await self.post("/v1/users/verification", {"account": named, "purpose": purpose})
        assert sent.http == 200, sent
        return {
            "account": named,
            "verification_id": sent.data["verification_id"],
            "verification_code": self.outbox.code(account),
        }

    async def register(self, account: str, password: str = PASSWORD, **fields: Any) -> Answer:
        """Register a user."""
        proved = await self.verified(account)
        return await self.post(
            "/v1/users/register",
            proved | {"display_name": "Anna", "scram": verifier(password)} | fields,
        )

    async def prove(
        self, account: str, password: str = PASSWORD, **fields: Any
    ) -> tuple[str, Answer]:
        """Go through SCRAM; return the sasl_id and the answer to the proof."""
        scram = ScramClient([MECHANISM], account, password)
        initial = b64encode(scram.get_client_first().encode()).decode()
        started = await self.post(
            "/v1/auth/sasl/start", {"mechanism": MECHANISM, "initial": initial} | fields
        )
        if started.code:
            return "", started
        scram.set_server_first(text(started.data["data"]))
        final = b64encode(scram.get_client_final().encode()).decode()
        sasl_id = started.data["sasl_id"]
        stepped = await self.post("/v1/auth/sasl/step", {"sasl_id": sasl_id, "data": final})
        if not stepped.code:
            scram.set_server_final(text(stepped.data["data"]))
        return sasl_id, stepped

    async def log_in(
        self, account: str, password: str = PASSWORD, *, trust: bool = False
    ) -> Answer:
        """Log in with both factors, and use the token from now on."""
        sasl_id, proved = await self.prove(account, password)
        assert proved.http == 200, proved
        done = await self.post(
            "/v1/auth/second-factor",
            {
                "sasl_id": sasl_id,
                "method": proved.data["methods"][0],
                "code": self.outbox.code(account),
                "trust": trust,
            },
        )
        assert done.http == 200, done
        self.tokens = done.data
        self.token = done.data["access_token"]
        self.user_id = done.data["user_id"]
        return done

    async def enter(self, account: str, password: str = PASSWORD) -> Client:
        """Register and log in."""
        registered = await self.register(account, password)
        assert registered.http == 201, registered
        await self.log_in(account, password)
        return self

    async def gateway(self, name: str = "Home") -> Client:
        """Make a gateway of the user, and return it as a caller with its own token."""
        made = await self.post(
            "/v1/gateways", {"name": name, "kind": "home_assistant", "version": "1"}
        )
        assert made.http == 201, made
        return await self.another().log_in_gateway(made.data)

    async def log_in_gateway(self, credentials: dict[str, Any]) -> Client:
        """Log in as the gateway of these credentials."""
        done = await self.post(
            "/v1/auth/gateway",
            {key: credentials[key] for key in ("gateway_id", "gateway_secret")},
        )
        assert done.http == 200, done
        self.token = done.data["access_token"]
        self.gateway_id = credentials["gateway_id"]
        return self


async def come_back(client: Client, token: str, account: str = ANNA) -> Answer:
    """Show that the client has a token, without sending it."""
    proof = hmac.digest(token.encode(), b"Initiator", hashlib.sha256)
    initial = b64encode(account.encode() + b"\0" + proof).decode()
    return await client.post("/v1/auth/sasl/start", {"mechanism": FAST, "initial": initial})


def verifier(password: str, iterations: int = MINIMUM_ITERATIONS) -> dict[str, Any]:
    """Return the field `scram` for a password."""
    salt, stored, server, iterations = ScramMechanism(MECHANISM).make_auth_info(
        password, iteration_count=iterations, salt=secrets.token_bytes(16)
    )
    return {
        "mechanism": MECHANISM,
        "salt": b64encode(salt).decode(),
        "iterations": iterations,
        "stored_key": b64encode(stored).decode(),
        "server_key": b64encode(server).decode(),
    }


def text(data: str) -> str:
    """Return the text in base64."""
    return b64decode(data).decode()


async def _answer(response: ClientResponse) -> Answer:
    return Answer(response.status, dict(response.headers), await response.json())
