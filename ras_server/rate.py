"""How often a caller may ask: the generic cell rate algorithm per caller and route."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
import math
from typing import Final

from aiohttp import web

from .errors import Code, RasError
from .keys import SETTINGS, STEADY
from .principal import Principal
from .web import route_name


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests per second, and so many at once after a rest."""

    per_second: float
    burst: int


NAMED: Final = Rate(50, 200)
"""For a caller who has logged in."""

ANONYMOUS: Final = Rate(5, 60)
"""For an address without login."""

_FORWARDED: Final = "X-Forwarded-For"
_HOME_PREFIX: Final = 64  # bits of an IPv6 address that a single home commands
_ROUNDING: Final = 1e-3  # seconds
_FORGET_ABOVE: Final = 10_000  # callers


class Limiter:
    """When each caller's next request is due, if it asked at an even pace."""

    def __init__(self) -> None:
        """Know nobody yet."""
        self._due: dict[tuple[str, ...], float] = {}

    def wait(self, key: tuple[str, ...], rate: Rate, now: float) -> float:
        """Return 0 and count the request, or return the seconds after which it may come again."""
        interval = 1 / rate.per_second
        due = max(self._due.get(key, now), now)
        early = due - now - interval * (rate.burst - 1)
        if early > _ROUNDING:
            return early
        if key not in self._due and len(self._due) >= _FORGET_ABOVE:
            self._due = {known: at for known, at in self._due.items() if at > now}
        self._due[key] = due + interval
        return 0


LIMITER: Final = web.AppKey("limiter", Limiter)


def caller(request: web.Request) -> str:
    """Return the address a request comes from: not that of a proxy of the settings.

    A proxy adds the address that it hears to the end of X-Forwarded-For; what stands before the
    first one that is no proxy, anybody can have written.
    """
    remote, proxies = request.remote or "", request.app[SETTINGS].trusted
    if not proxies or not remote:
        return remote
    told = ",".join(request.headers.getall(_FORWARDED, ())).split(",")
    while told and any(_address(remote) in each for each in proxies):
        try:
            remote = str(_address(told.pop().strip()))
        except ValueError:
            break
    return remote


def _address(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def network(request: web.Request) -> str:
    """Return where a request comes from: the IPv4 address, or the /64 of the IPv6 address."""
    remote = caller(request)
    if ":" not in remote:
        return remote
    address = _address(remote)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _HOME_PREFIX), strict=False))
    return str(address)


def limit(request: web.Request, principal: Principal | None) -> str:
    """Count a request and return its caller, or refuse one who asks faster than the rate."""
    caller = principal.address if principal else network(request)
    key = (caller, request.method, route_name(request))
    check(request.app, key, NAMED if principal else ANONYMOUS)
    return caller


def check(app: web.Application, key: tuple[str, ...], rate: Rate) -> None:
    """Count one event of a key, or raise 5003 with the time to wait."""
    if seconds := app[LIMITER].wait(key, rate, app[STEADY]()):
        raise RasError(
            Code.RATE_LIMITED, "Too many requests", retry_after=max(1, math.ceil(seconds))
        )
