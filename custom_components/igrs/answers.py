"""The answers of the RAS as values (project profile, API 3 to 5 and 8).

Each `from_json` takes the `data` member of an answer and raises LookupError, TypeError,
ValueError, AttributeError or FormatError if it has another shape; `read` translates these.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from .igrs_codec.bsld.packet import PACKET_SIZE
from .igrs_codec.bsld.ticket import Ticket
from .igrs_codec.errors import FormatError
from .ras_errors import Code, RasRefusedError, RasUnreachableError

type Json = Mapping[str, Any]

_ANY_DEVICE: Final = bytes(6)


def read[D, T](parse: Callable[[D], T], data: D) -> T:
    """Parse an answer; one that no RAS gives is as good as none."""
    try:
        return parse(data)
    except LookupError, TypeError, ValueError, AttributeError, FormatError:
        raise RasUnreachableError from None


def _packet(text: str) -> bytes:
    """Return a packet that is written in hex, or raise ValueError."""
    packet = bytes.fromhex(text)
    if len(packet) != PACKET_SIZE:
        raise ValueError
    return packet


def _tickets(data: Json) -> tuple[Json, ...]:
    """Return tickets as the RAS writes them, or raise FormatError if one is not a ticket."""
    tickets = tuple(dict(ticket) for ticket in data["tickets"])
    for ticket in tickets:
        Ticket.from_json(_ANY_DEVICE, ticket)
    return tickets


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """Who the RAS is (API 9, GET /v1/info)."""

    name: str
    server_id: str

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the answer to GET /v1/info."""
        return cls(
            name=str(data["name"]),
            server_id=str(data["server_id"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What the RAS knows about an advertiser it was told of (API 4)."""

    device_id: str
    mine: bool

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse one element of the answer to POST sightings."""
        return cls(
            device_id=str(data["device_id"]),
            mine=bool(data["mine"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """A device of the account (API 5, the device object).

    rotations_missed is the number of scheduled re-keys that are due and not done.
    """

    device_id: str
    name: str
    rotations_missed: int = 0

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse a device object."""
        return cls(
            device_id=str(data["device_id"]),
            name=str(data["name"]),
            rotations_missed=int(data.get("rotations_missed", 0)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may use locks of the account."""

    user_id: str
    name: str

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse one element of the answer to GET people."""
        return cls(user_id=str(data["user_id"]), name=str(data["display_name"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a lock may be registered, and what is needed for it (API 5, Figure 10)."""

    claimable: bool
    needs: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the answer to POST authenticate."""
        return cls(
            claimable=bool(data["claimable"]),
            needs=tuple(str(need) for need in data.get("needs", ())),
        )


def k_adv_from_json(data: Json) -> dict[int, bytes]:
    """Return the advertisement keys (16 bytes each) by generation."""
    return {int(gen): bytes.fromhex(key) for gen, key in data.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickets:
    """Tickets in the JSON form of API 5, and the advertisement keys by generation."""

    tickets: tuple[Json, ...] = field(repr=False)
    k_adv: dict[int, bytes] = field(repr=False)

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the answer to POST tickets."""
        return cls(
            tickets=_tickets(data),
            k_adv=k_adv_from_json(data["k_adv"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The last result of a registration exchange (API 5, Figure 11)."""

    device: DeviceInfo
    tickets: tuple[Json, ...] = field(repr=False)
    k_adv: dict[int, bytes] = field(repr=False)

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the `result` of the exchange, or raise RasRefusedError if it failed."""
        if data["code"] != Code.OK:
            raise RasRefusedError(int(data["code"]))
        return cls(
            device=DeviceInfo.from_json(data["device"]),
            tickets=_tickets(data),
            k_adv=k_adv_from_json(data["k_adv"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What the gateway has to do next in an exchange (API 5).

    Write `packets` (20 bytes each), collect `expect` notifications for at most
    `timeout_s` seconds, report them; `result` is there when `done`.
    """

    exchange_id: str
    packets: tuple[bytes, ...] = field(repr=False)
    expect: int
    timeout_s: float
    done: bool
    result: Json | None = field(repr=False)

    @classmethod
    def from_json(cls, data: Json, exchange_id: str | None = None) -> Self:
        """Parse the answer that opens an exchange, or that goes on with a known one."""
        return cls(
            exchange_id=str(data["exchange_id"]) if exchange_id is None else exchange_id,
            packets=tuple(_packet(packet) for packet in data["packets"]),
            expect=int(data["expect"]),
            timeout_s=float(data["timeout_s"]),
            done=bool(data["done"]),
            result=data.get("result"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an operation that the RAS had carried (API 6).

    record is the number (u16) of the lock's record of it, None if it failed.
    """

    code: int
    record: int | None

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the `result` of an operation."""
        code = int(data["code"])
        return cls(code=code, record=int(data["state"]["event"]) if code == Code.OK else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingFrame:
    """A queued administration packet (20 bytes) and when it stops being useful (API 5)."""

    packet: bytes = field(repr=False)
    not_after: int

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse one element of `packets`."""
        return cls(packet=_packet(data["packet"]), not_after=int(data["not_after"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the RAS knows of a record (API 7): the user's name, who asked, which gateway.

    channel is the kind of address that asked for the operation: user, guest, tpsp or gw.
    """

    user: str | None
    channel: str | None
    gateway: str | None

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse one element of `records`."""
        return cls(user=data.get("user"), channel=data.get("channel"), gateway=data.get("gateway"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReceipt:
    """What became of uploaded log records (API 7).

    `next` is the record to read next; `gap` the first and the last of those that the RAS
    misses; `told` what it knows of the records, by number.
    """

    next: int
    gap: tuple[int, int] | None
    told: dict[int, Told]

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the answer to POST log."""
        gap = data["gap"]
        return cls(
            next=int(data["next"]),
            gap=None if gap is None else (int(gap[0]), int(gap[1])),
            told={int(it["record"]): Told.from_json(it) for it in data.get("records", ())},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCredentials:
    """What a gateway logs in with (API 4); the secret is shown once."""

    gateway_id: str
    gateway_secret: str = field(repr=False)

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the answer to POST /v1/gateways."""
        return cls(gateway_id=str(data["gateway_id"]), gateway_secret=str(data["gateway_secret"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A bearer token and its life in seconds; `user_id` only for a person's."""

    token: str = field(repr=False)
    expires_in: float
    user_id: str | None = None

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the `tokens` object of a login; the refresh token is not kept."""
        return cls(
            token=str(data["access_token"]),
            expires_in=float(data["expires_in"]),
            user_id=data.get("user_id"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """A login that waits for its second factor, and the ways to give it (API 3)."""

    sasl_id: str = field(repr=False)
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReady:
    """The RAS's side of the push handshake (API 8).

    `time` is the RAS's clock in Unix seconds; `audit_head` the number and hash of the
    newest audit entry; after `reset` the lists have to be read again.
    """

    time: int
    heartbeat_s: float
    audit_head: tuple[int, str]
    seq: int
    reset: bool

    @classmethod
    def from_json(cls, hello: Json, answer: Json) -> Self:
        """Parse the first message of the RAS and its answer to our start."""
        if hello["op"] != "hello" or answer["op"] not in ("ready", "reset"):
            raise ValueError
        return cls(
            time=int(hello["time"]),
            heartbeat_s=float(hello["heartbeat_s"]),
            audit_head=(int(hello["audit"]["n"]), str(hello["audit"]["hash"])),
            seq=int(answer["seq"]) - int(answer.get("missed", 0)),
            reset=answer["op"] == "reset",
        )
