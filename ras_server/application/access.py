"""From a request to a lock, a person's standing at it, and the gateway he asks through."""

from functools import lru_cache
from typing import Final

from aiohttp import web
import probatio

from igrs_codec.bsld.frame import ALL_RIGHTS, Right

from .. import fields
from ..errors import Code, RasError
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, Principal
from ..store import gateways, grants, sites
from ..store.gateways import Gateway
from ..store.grants import Grant
from .decision import Standing, is_live
from .geofence import Policy
from .locks import LOCKS, Lock
from .ownership import OWNED
from .schedule import loads


def device_id(request: web.Request) -> str:
    """Return the device id of the path, 12 upper-case characters, or raise 2009."""
    text = request.match_info["device_id"]
    if text in request.app[LOCKS]:
        return text  # as a known lock writes it
    try:
        return fields.device_id(text)
    except probatio.Invalid:
        raise RasError(
            Code.DEVICE_ID_MALFORMED, "A device id has 12 hexadecimal characters"
        ) from None


def standings(app: web.Application, lock: Lock, user_id: str) -> tuple[Standing, ...]:
    """Return how a person stands to a lock: as its owner, and by each grant."""
    if lock.device.state not in OWNED:
        return ()
    if lock.device.owner == user_id:
        return _of_owner(lock.device.uid)
    return tuple(
        standing_of(app, grant) for grant in grants.of_person(app[DATABASE], lock.id, user_id)
    )


def standings_of(app: web.Application, lock: Lock, principal: Principal) -> tuple[Standing, ...]:
    """Return how a caller stands to a lock: a gateway as its person does, and by its own grants."""
    found = standings(app, lock, principal.user_id)
    owns = bool(found) and found[0].is_owner
    if not principal.gateway_id or owns or lock.device.state not in OWNED:
        return found
    given = grants.of_gateway(app[DATABASE], lock.id, principal.gateway_id)
    return (*found, *(standing_of(app, grant) for grant in given))


@lru_cache
def _of_owner(uid: int) -> tuple[Standing, ...]:
    return (Standing(uid=uid, rights=ALL_RIGHTS),)


def standing_of(app: web.Application, grant: Grant) -> Standing:
    """Return how the holder of a grant stands to its lock."""
    return Standing(
        uid=grant.uid,
        rights=Right(grant.rights),
        grant_id=grant.grant_id,
        start=grant.start,
        end=grant.until,
        revoked=grant.revoked is not None,
        member=bool(grant.member),
        met=bool(grant.met),
        schedule=loads(grant.schedule),
        policy=None if grant.policy is None else Policy(grant.policy),
        pin=grant.pin,
        pin_waits=app[LOCKS].now < grant.pin_until,
        uses_left=None if grant.uses_max is None else max(0, grant.uses_max - grant.uses_spent),
        second_person=bool(grant.second_person),
        of_gateway=grant.gateway_id is not None,
    )


def visible_lock(request: web.Request) -> tuple[Lock, tuple[Standing, ...]]:
    """Return the lock of the path and the caller's standings, or raise 2001."""
    app, principal = request.app, request[PRINCIPAL]
    lock = app[LOCKS].get(device_id(request))
    if lock is None:
        raise RasError(Code.DEVICE_UNKNOWN, "This device is not known")
    found = standings_of(app, lock, principal)
    if not found:
        raise RasError(Code.DEVICE_UNKNOWN, "This device is not known")
    meet(app, found)
    return lock, found


def meet(app: web.Application, found: tuple[Standing, ...]) -> None:
    """Note that the holder of grants was here: from now on the owner may know who he is."""
    for standing in found:
        if not standing.met:
            grants.meet(app[DATABASE], standing.grant_id)


def live_lock(request: web.Request) -> tuple[Lock, tuple[Standing, ...]]:
    """Return the lock of the path and the standings that hold now, or raise 2001 or 3003."""
    lock, found = visible_lock(request)
    now = request.app[LOCKS].now
    if live := tuple(standing for standing in found if is_live(standing, now)):
        return lock, live
    raise RasError(Code.EXPIRED, "The grant is expired or revoked")


def own_lock(request: web.Request) -> Lock:
    """Return the lock of the path if the caller owns it; else raise 2001 or 3001."""
    lock, found = visible_lock(request)
    if not found[0].is_owner:
        raise RasError(Code.NOT_PERMITTED, "Only the owner may do this")
    return lock


def own_gateway(request: web.Request, gateway_id: str) -> Gateway:
    """Return the gateway that the caller is or has, or raise 3001."""
    principal: Principal = request[PRINCIPAL]
    known = request.app[GATEWAYS]
    if gateway_id == principal.gateway_id and gateway_id in known:
        return known[gateway_id]
    gateway = gateways.get(request.app[DATABASE], gateway_id)
    if (
        gateway is None
        or gateway.user_id != principal.user_id
        or (principal.kind is Kind.GATEWAY and gateway_id != principal.gateway_id)
    ):
        raise RasError(Code.NOT_PERMITTED, "This is not a gateway of the caller")
    known[gateway_id] = gateway
    return gateway


def named_gateway(request: web.Request) -> Gateway:
    """Return the gateway of the path, if it is the caller's; else raise 4005."""
    gateway = gateways.get(request.app[DATABASE], request.match_info["gateway_id"])
    if gateway is None or gateway.user_id != request[PRINCIPAL].user_id:
        raise RasError(Code.UNKNOWN, "There is no such gateway")
    return gateway


def in_household(app: web.Application, lock: Lock, gateway: Gateway) -> bool:
    """Return whether a gateway is the owner's, or one that he counts as his household's."""
    if gateway.user_id == lock.device.owner:
        return True
    return sites.is_gateway_of(app[DATABASE], lock.id, gateway.gateway_id)


GATEWAYS: Final[web.AppKey[dict[str, Gateway]]] = web.AppKey("gateways")
"""The gateways that asked for something: owner and kind of a gateway never change."""
