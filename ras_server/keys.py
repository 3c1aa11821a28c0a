"""What the application and a request carry, each under a typed key."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from aiohttp import web

from .principal import Principal
from .settings import Settings
from .store.db import Database
from .vault import Vault

type Clock = Callable[[], float]
"""The time in Unix seconds."""

type Random = Callable[[int], bytes]
"""So many random bytes, fit for keys."""

CLOCK: Final[web.AppKey[Clock]] = web.AppKey("clock")
STEADY: Final[web.AppKey[Clock]] = web.AppKey("steady")
"""Seconds that only ever grow, also when somebody sets the clock."""
RANDOM: Final[web.AppKey[Random]] = web.AppKey("random")
SETTINGS: Final = web.AppKey("settings", Settings)
DATABASE: Final = web.AppKey("database", Database)
VAULT: Final = web.AppKey("vault", Vault)
SERVER_ID: Final = web.AppKey("server_id", str)
GUESTS: Final[web.AppKey[Callable[[web.Request, str], Principal]]] = web.AppKey("guests")
"""Return the guest of a link's token, or raise."""

PRINCIPAL: Final = web.RequestKey("principal", Principal)
RAW: Final = web.RequestKey("raw", bytes)
BODY: Final[web.RequestKey[dict[str, Any]]] = web.RequestKey("body")
MID: Final = web.RequestKey("mid", str)


def now(app: web.Application) -> int:
    """Return the time in whole Unix seconds."""
    return int(app[CLOCK]())


def new_id(app: web.Application, prefix: str) -> str:
    """Return a new identifier such as `u-7f3a...`: the prefix and 80 random bits in base 32."""
    return new_id_from(app[RANDOM], prefix)


def new_id_from(random: Random, prefix: str) -> str:
    """Return a new identifier, as new_id does."""
    return f"{prefix}-{_base32(int.from_bytes(random(10)), 16).lower()}"


def new_mid(app: web.Application) -> str:
    """Return a new message identifier, a ULID."""
    return new_mid_from(app[RANDOM], app[CLOCK]())


def new_mid_from(random: Random, at: float) -> str:
    """Return a new message identifier, as new_mid does, for a Unix time; 64 bits are random."""
    return f"{_moment(int(at * 1000))}{random(8).hex().upper()}"


@lru_cache(maxsize=1)
def _moment(milliseconds: int) -> str:
    return _base32(milliseconds, 10)


def _base32(number: int, length: int) -> str:
    """Return an even number of digits of 5 bits each, in Crockford's base 32."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * length - 10, -1, -10)])


_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
