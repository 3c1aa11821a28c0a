"""What a gateway may do that manages access for the owner of its locks (section 6.3).

The owner lets it, with a fresh login. Its secret lies in the files and backups of a home, so what
it gives is bounded: it has an end, the owner is told of each act, and all of it ends with the
right to give.
"""

from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from ..errors import Code, RasError
from ..keys import DATABASE, MID, PRINCIPAL
from ..principal import Kind, Principal
from ..store import managers
from ..store.grants import Grant
from .access import own_lock
from .audit import AUDIT
from .locks import LOCKS, Lock
from .notices import EVENT, household, tell

LONGEST: Final = 90 * 86400
"""Seconds after which a grant of a gateway ends at the latest."""
MOST_CODES: Final = 16
"""Live codes that a gateway can have given out for a lock."""
FURTHEST: Final = 28 * 86400
"""Seconds that the window of a gateway's code may begin ahead."""
ALONE: Final = range(3)
"""Classes of codes that a gateway gives out when no person asks: once, 1 hour, 1 day."""


_GIVING: Final = frozenset({"grant.create", "code.issue"})


def managed_lock(request: web.Request) -> Lock:
    """Return the lock of the path for its owner, or for a gateway that manages for him."""
    lock = own_lock(request)
    require_manager(request)
    return lock


def require_manager(request: web.Request) -> None:
    """Refuse a gateway that its owner does not let manage access."""
    principal = request[PRINCIPAL]
    if _is_gateway(principal) and not managers.is_manager(
        request.app[DATABASE], principal.gateway_id
    ):
        raise _refusal("manager", "The owner does not let this gateway manage access")


def require_owner(request: web.Request, lock: Lock, asked: dict[str, Any]) -> None:
    """Refuse a gateway that does not ask for the owner, and a person who names another."""
    wanted = lock.device.owner if _is_gateway(request[PRINCIPAL]) else None
    if asked.get("person") != wanted:
        raise _refusal("owner", "A gateway manages access for the owner only")


def require_bounded(request: web.Request, grant: Grant) -> None:
    """Refuse a grant of a gateway that has no end, or a late one."""
    if not _is_gateway(request[PRINCIPAL]):
        return
    if grant.until is None or grant.until > request.app[LOCKS].now + LONGEST:
        raise RasError(
            Code.MALFORMED,
            "What a gateway gives ends within 90 days",
            errors=[("/valid/until", "too late")],
        )


def require_given(request: web.Request, grant: Grant) -> None:
    """Refuse a gateway that changes what it did not give."""
    principal = request[PRINCIPAL]
    if (
        _is_gateway(principal)
        and managers.giver(request.app[DATABASE], grant.grant_id) != principal.gateway_id
    ):
        raise _refusal("giver", "A gateway changes only what it gave")


def require_code(
    request: web.Request, lock: Lock, asked: dict[str, Any], live: Iterable[str]
) -> None:
    """Refuse a code that a gateway may not give out; live are the codes that could be typed."""
    app, principal = request.app, request[PRINCIPAL]
    if "person" in asked or asked["class"] not in ALONE or not _is_gateway(principal):
        require_owner(request, lock, asked)
    if not _is_gateway(principal):
        return
    now = app[LOCKS].now
    if asked.get("at", now) > now + FURTHEST:
        raise RasError(Code.MALFORMED, "Too far ahead", errors=[("/at", "too late")])
    given = {each for each, _ in managers.given(app[DATABASE], principal.gateway_id)}
    if len(given.intersection(live)) >= MOST_CODES:
        raise RasError(Code.MEMORY_FULL, "This gateway has given out too many codes")


def note(request: web.Request, lock: Lock, act: str, object_: str, asked: dict[str, Any]) -> None:
    """Write what a gateway did to the audit, and tell the owner and the household of it."""
    app, principal = request.app, request[PRINCIPAL]
    if not _is_gateway(principal):
        return
    if act in _GIVING:
        managers.note(app[DATABASE], principal.gateway_id, object_, lock.id)
    did = {"act": act, "object": object_, "person": asked.get("person")}
    app[AUDIT].append("access.managed", principal.address, lock.address, detail=did)
    told = did | {
        "event": "access_managed",
        "gateway": principal.gateway_id,
        "mid": request[MID],
        "at": app[LOCKS].now,
    }
    tell(app, lock, household(app, lock), EVENT, told)


def _refusal(needs: str, message: str) -> RasError:
    """Return a refusal that says what is missing: being `manager`, `owner` or `giver`."""
    return RasError(Code.NOT_PERMITTED, message, data={"needs": needs})


def _is_gateway(principal: Principal) -> bool:
    return principal.kind is Kind.GATEWAY
