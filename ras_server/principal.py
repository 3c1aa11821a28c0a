"""Who makes a request, and who may make it (project profile, sections 4 and 6)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiohttp.typedefs import Handler

from .errors import Code, RasError

FRESH_LOGIN: Final = 300  # seconds


class Kind(StrEnum):
    """What a caller is."""

    USER = "user"
    GATEWAY = "gateway"
    ADMIN = "admin"
    GUEST = "guest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of a request, proved by a token or by the server's own unix socket.

    `user_id` is the person, for a gateway its owner; it is empty for the administrator and for the
    guest of a link, whose `session_id` is that of his grant.
    `gateway_id` is empty for everybody but a gateway. `login_at` is the Unix time of the last login
    with both factors. `address` is the typed address, as it stands in messages and in the audit.
    """

    kind: Kind
    user_id: str
    gateway_id: str
    session_id: str
    login_at: int
    address: str = field(init=False)

    def __post_init__(self) -> None:
        """Make the address."""
        object.__setattr__(self, "address", self._address())

    def _address(self) -> str:
        match self.kind:
            case Kind.USER:
                return f"user:{self.user_id}"
            case Kind.GATEWAY:
                return f"gw:{self.gateway_id}"
            case Kind.ADMIN:
                return "ras:admin"
            case Kind.GUEST:
                return f"guest:{self.session_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The callers a handler is open to; nobody in `kinds` means everybody, without login."""

    kinds: frozenset[Kind]
    fresh: bool


ACCESS: Final[dict[Handler, Access]] = {}
"""The access of each handler; a handler that is not in it answers nobody."""


def public[H: Handler](handler: H) -> H:
    """Open a handler to everybody."""
    ACCESS[handler] = Access(kinds=frozenset(), fresh=False)
    return handler


def allow[H: Handler](*kinds: Kind, fresh: bool = False) -> Callable[[H], H]:
    """Open a handler to the given callers; `fresh` asks a user for a login of at most 5 minutes."""

    def register(handler: H) -> H:
        ACCESS[handler] = Access(kinds=frozenset(kinds), fresh=fresh)
        return handler

    return register


def require_fresh(principal: Principal, now: int) -> None:
    """Refuse a user whose login is more than 5 minutes old."""
    if principal.kind is Kind.USER and now - principal.login_at > FRESH_LOGIN:
        raise RasError(Code.SECOND_FACTOR_NEEDED, "The login is older than 5 minutes")
