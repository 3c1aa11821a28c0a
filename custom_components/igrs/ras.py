"""HTTP client of the RAS (project profile, sections of docs/api.md: API 2 to 5 and 7).

`RasClient` asks what needs no login; `GatewayClient` is the gateway, the one principal the
integration is, and keeps its own access token fresh. Every POST carries a message identifier
(`mid`, a ULID) and keeps it when it is sent again, so that it is never executed twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
import time
from typing import Final, TypedDict

import aiohttp
from homeassistant.util.ulid import ulid_now
from yarl import URL

from .answers import (
    AccessToken,
    DeviceInfo,
    Exchange,
    GatewayCredentials,
    Json,
    LogReceipt,
    Outcome,
    PendingFrame,
    Person,
    ServerInfo,
    Sighting,
    Tickets,
    Verdict,
    read,
)
from .ras_errors import (
    Code,
    RasAuthError,
    RasCertificateError,
    RasRefusedError,
    RasSchemaError,
    RasUnreachableError,
)

SCHEMA: Final = 1  # version of the messages this client speaks
REQUEST_TIMEOUT: Final = 25  # seconds; architecture, deadlines
TOKEN_MARGIN: Final = 60  # seconds before its end at which a token is renewed
OPERATE_TIME: Final = 20  # seconds in which the RAS has an operation carried
STILL_RUNNING_PAUSE: Final = 1  # seconds before a running request is asked for again

_NOT_WORKING: Final = frozenset({Code.FAILED, Code.INTERNAL, Code.NOT_READY})
_NOT_AUTHENTICATED: Final = frozenset({Code.CREDENTIALS_WRONG, Code.TOKEN_EXPIRED})


class SeenDevice(TypedDict):
    """An advert of a lock: service data in hex, signal strength in dBm, Unix time."""

    device_id: str
    rssi: int
    service_data: str
    at: int


class LogRecord(TypedDict):
    """A record of a lock's log (protocol 8.2); `uid` 0 is nobody in particular."""

    record: int
    uid: int
    method: int
    event: int
    detail: int
    time: int
    boot_time: bool


def is_acceptable_url(base_url: str) -> bool:
    """Return whether secrets may be sent there: by HTTPS, or by HTTP inside this machine."""
    try:
        url = URL(base_url)
    except ValueError:
        return False
    if url.host is None or url.user is not None or url.query_string or url.fragment:
        return False
    return url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def translate(err: aiohttp.ClientError | TimeoutError) -> RasUnreachableError:
    """Return our error for one of the network; neither address nor content goes along."""
    match err:
        case aiohttp.ServerFingerprintMismatch():
            return RasCertificateError(err.got)
        case aiohttp.ClientConnectorCertificateError():
            return RasCertificateError()
        case _:
            return RasUnreachableError()


def _data(answer: Json) -> Json:
    """Return the data of an answer, or raise what its code means."""
    code = int(answer["code"])
    data: Json = answer.get("data") or {}
    if code == Code.OK:
        return data
    if code in _NOT_AUTHENTICATED:
        raise RasAuthError(code)
    retry_after = data.get("retry_after")
    error = RasUnreachableError if code in _NOT_WORKING else RasRefusedError
    raise error(
        code,
        retry_after=None if retry_after is None else float(retry_after),
        needs=data.get("needs"),
    )


def check_schema(info: Json) -> None:
    """Raise RasSchemaError unless the RAS speaks our schema; `schema` is {"min", "max"}."""
    schema = info["schema"]
    if not int(schema["min"]) <= SCHEMA <= int(schema["max"]):
        raise RasSchemaError(too_old=int(schema["max"]) < SCHEMA)


class RasClient:
    """A RAS at an address, before anybody logs in."""

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, *, fingerprint: bytes | None = None
    ) -> None:
        """Use the session; fingerprint (SHA-256, 32 bytes) pins the RAS's certificate."""
        self.session = session
        self.base_url = URL(base_url)
        self.ahead: float | None = None  # seconds that the RAS's clock goes before ours
        self.ssl = True if fingerprint is None else aiohttp.Fingerprint(fingerprint)

    @property
    def now(self) -> float:
        """Return the Unix time by the clock of the RAS, as far as it is known."""
        return time.time() + (self.ahead or 0)

    async def info(self) -> ServerInfo:
        """Return who the RAS is, or raise RasSchemaError if we have no schema in common."""
        info = await self.call("GET", "info")
        read(check_schema, info)
        return read(ServerInfo.from_json, info)

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Mapping[str, str] | None = None,
        token: str | None = None,
        mid: str | None = None,
    ) -> Json:
        """Send a request below /v1 and return the data of its answer, or raise a RasError."""
        sent = None if method == "GET" else {"mid": mid or ulid_now(), **(body or {})}
        url = self.base_url.joinpath("v1", *path.split("/")).with_query(query)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            return await self._send(method, url, sent, headers)
        except aiohttp.ServerDisconnectedError:  # a kept connection was closed in the meantime
            pass
        except (aiohttp.ClientError, TimeoutError) as err:
            raise translate(err) from None
        except RasRefusedError as err:
            if err.code != Code.STILL_RUNNING:
                raise
            await asyncio.sleep(STILL_RUNNING_PAUSE)
        try:
            return await self._send(method, url, sent, headers)
        except (aiohttp.ClientError, TimeoutError) as err:
            raise translate(err) from None

    async def _send(self, method: str, url: URL, sent: Json | None, headers: Json) -> Json:
        async with self.session.request(
            method,
            url,
            json=sent,
            headers=headers,
            ssl=self.ssl,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT),
        ) as response:
            try:
                answer = await response.json(content_type=None)
            except ValueError:
                raise RasUnreachableError from None
        if isinstance(answer, dict) and isinstance(ts := answer.get("ts"), int):
            self.ahead = ts - time.time()
        return read(_data, answer)


async def async_shown_fingerprint(ras: RasClient) -> bytes:
    """Return the SHA-256 (32 bytes) of the certificate that the RAS shows, or raise RasError."""
    try:
        await RasClient(ras.session, str(ras.base_url), fingerprint=bytes(32)).info()
    except RasCertificateError as err:
        if err.got is not None:
            return err.got
    raise RasUnreachableError


class GatewayClient(RasClient):
    """The RAS as this gateway sees it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        credentials: GatewayCredentials,
        *,
        fingerprint: bytes | None = None,
        managing: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Use the credentials as soon as needed; managing gets the mid of what lets in or out."""
        super().__init__(session, base_url, fingerprint=fingerprint)
        self.managing = managing
        self.gateway_id = credentials.gateway_id
        self._credentials = credentials
        self._token: AccessToken | None = None
        self._token_until = 0.0
        self._renewal = asyncio.Lock()

    async def access_token(self, stale: str | None = None) -> str:
        """Return an access token that is not the stale one; it is renewed before its end."""
        async with self._renewal:
            if (
                self._token is None
                or self._token.token == stale
                or time.monotonic() > self._token_until
            ):
                credentials = {
                    "gateway_id": self._credentials.gateway_id,
                    "gateway_secret": self._credentials.gateway_secret,
                }
                data = await self.call("POST", "auth/gateway", credentials)
                self._token = read(AccessToken.from_json, data)
                self._token_until = time.monotonic() + self._token.expires_in - TOKEN_MARGIN
            return self._token.token

    async def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Mapping[str, str] | None = None,
        mid: str | None = None,
    ) -> Json:
        """Send a request as this gateway; a token that was revoked is renewed once."""
        mid = mid or ulid_now()
        token = await self.access_token()
        try:
            return await self.call(method, path, body, query=query, token=token, mid=mid)
        except RasAuthError:
            token = await self.access_token(stale=token)
            return await self.call(method, path, body, query=query, token=token, mid=mid)

    async def sightings(self, seen: Iterable[SeenDevice]) -> list[Sighting]:
        """Report adverts; the answer is about our own locks and claimable ones (API 4)."""
        path = f"gateways/{self.gateway_id}/sightings"
        data = await self.ask("POST", path, {"seen": list(seen)})
        return read(lambda data: [Sighting.from_json(item) for item in data["seen"]], data)

    async def device(self, device_id: str) -> DeviceInfo:
        """Return one device, or raise RasRefusedError DEVICE_UNKNOWN."""
        return read(DeviceInfo.from_json, await self.ask("GET", f"devices/{device_id}"))

    async def authenticate_device(
        self, device_id: str, service_data: bytes, *, setup_code: str | None = None
    ) -> Verdict:
        """Ask whether a lock may be registered (Figure 10); a refusal says why not."""
        body = {"service_data": service_data.hex(), **_present(setup_code=setup_code)}
        return read(Verdict.from_json, await self._about(device_id, "authenticate", body))

    async def register_device(
        self, device_id: str, hello: bytes, name: str, *, setup_code: str | None = None
    ) -> Exchange:
        """Open the registration exchange (Figure 11); its result is a `Registration`."""
        body = {"name": name, "hello": hello.hex(), **_present(setup_code=setup_code)}
        return read(Exchange.from_json, await self._about(device_id, "register", body))

    async def time(self, device_id: str, hello: bytes) -> Exchange:
        """Open the exchange that sets the lock's clock (one time frame)."""
        data = await self._about(device_id, "time", {"hello": hello.hex()})
        return read(Exchange.from_json, data)

    async def deliver(self, device_id: str, hello: bytes) -> Exchange:
        """Open the exchange that tells the lock all that is due."""
        data = await self._about(device_id, "deliver", {"hello": hello.hex()})
        return read(Exchange.from_json, data)

    async def exchange_step(
        self,
        exchange_id: str,
        notifications: Iterable[bytes] = (),
        *,
        hello: bytes | None = None,
    ) -> Exchange:
        """Report what the lock notified and return what to do next (API 5)."""
        new_hello = None if hello is None else hello.hex()
        body = {
            "notifications": [item.hex() for item in notifications],
            **_present(hello=new_hello),
        }
        data = await self.ask("POST", f"exchanges/{exchange_id}", body)
        return read(lambda data: Exchange.from_json(data, exchange_id), data)

    async def tickets(
        self,
        device_id: str,
        rights: Iterable[str],
        ttl: int,
        *,
        reason: str | None = None,
        person: str | None = None,
    ) -> Tickets:
        """Return new tickets for at most ttl seconds, one per generation (API 5).

        They are for a person, or for the household. The reason says why there is none that the
        lock takes; "epoch" makes the RAS queue a frame by which it learns the lock's epoch.
        """
        body = {"rights": list(rights), "ttl": ttl, **_present(reason=reason, person=person)}
        data = await self._about(device_id, "tickets", body)
        return read(Tickets.from_json, data)

    async def operate(
        self, device_id: str, cmd: str, person: str, pin: str | None = None
    ) -> Outcome | None:
        """Have a lock operated for a person; return what came of it, None if it takes too long.

        cmd is lock, unlock or open, pin what the person gave (4 to 12 digits). The refusal is a
        RasRefusedError (API 6).
        """
        body = {
            "cmd": cmd,
            "person": person,
            "expires": int(self.now) + OPERATE_TIME,
            "wait": OPERATE_TIME,
            **_present(pin=pin),
        }
        data = await self.ask("POST", f"devices/{device_id}/operate", body)
        result = data.get("result")
        return None if result is None else read(Outcome.from_json, result)

    async def relock(self, device_id: str) -> tuple[int, int | None]:
        """Return the revision of a device, and after how many seconds the lock locks itself.

        That is what the lock reported, None before it did, 0 for never (API 5).
        """
        data = await self.ask("GET", f"devices/{device_id}/config")
        return read(_relock, data)

    async def set_relock(self, device_id: str, revision: int, seconds: int) -> None:
        """Have a lock lock itself after so many seconds (0..3600); a gateway delivers it."""
        body = {"rev": revision, "auto_relock_s": seconds}
        await self.ask("PUT", f"devices/{device_id}/config", body)

    async def people(self) -> list[Person]:
        """Return who may use the locks of the account (API 6)."""
        data = await self.ask("GET", "people")
        return read(lambda data: [Person.from_json(item) for item in data["items"]], data)

    async def pending(self, device_id: str) -> list[PendingFrame]:
        """Return the queued administration frames of a lock (API 5)."""
        data = await self.ask("GET", f"devices/{device_id}/pending")
        return read(lambda data: [PendingFrame.from_json(item) for item in data["packets"]], data)

    async def report_pending(self, device_id: str, notifications: Iterable[bytes]) -> bool:
        """Report the lock's answers to queued frames; return whether there are more."""
        body = {"notifications": [item.hex() for item in notifications]}
        data = await self._about(device_id, "pending", body)
        return read(lambda data: bool(data["more"]), data)

    async def upload_log(self, device_id: str, records: Iterable[LogRecord]) -> LogReceipt:
        """Hand over records read from the lock (API 7)."""
        body = {"records": list(records)}
        return read(LogReceipt.from_json, await self._about(device_id, "log", body))

    async def _about(self, device_id: str, route: str, body: Json) -> Json:
        """Send what this gateway says about a device."""
        body = {"gateway_id": self.gateway_id, **body}
        return await self.ask("POST", f"devices/{device_id}/{route}", body)


def _relock(data: Json) -> tuple[int, int | None]:
    seconds = data["reported"].get("auto_relock_s")
    return int(data["rev"]), None if seconds is None else int(seconds)


def _present(**members: str | None) -> dict[str, str]:
    """Return the optional members of a body that are there."""
    return {name: value for name, value in members.items() if value is not None}
