"""Tickets for gateways that work without the server (project profile, section 5.2)."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from aiohttp import web
import orjson
import probatio

from igrs_codec.bsld.frame import ALL_RIGHTS, Right
from igrs_codec.bsld.ticket import (
    MIN_TTL,
    encode_ttl,
    rights_from_names,
    rights_to_names,
    ttl_seconds,
)

from .. import fields
from ..errors import Code, RasError
from ..principal import Kind, allow
from ..store.audit_index import TICKET, View
from ..store.gateways import Gateway
from ..web import answer, body, schema
from .access import in_household, live_lock, own_gateway, visible_lock
from .audit import AUDIT
from .decision import Standing, Terms, ticket_terms
from .evidence import PERSON
from .locks import CLOCK_DOUBT, LOCKS, Lock, Locks
from .ownership import Phase
from .permits import Caller, caller_of, house_of

LONGEST: Final = {"home_assistant": 86400, "device": 86400, "phone": 3600}
"""Seconds that a ticket lives at most, by kind of gateway."""
LONGEST_OF_ALL: Final = max(LONGEST.values())
LONGEST_OF_GUEST: Final = 900
"""The same for who is neither the owner nor a member of the household."""
RIGHTS: Final = ("lock", "unlock", "open", "log", "hold", "owner")

_END: Final = 2**53
"""A number that no entry of the audit has."""
_CHUNK: Final = 500  # entries
_MOST_SHOWN: Final = 1000  # tickets
_ISSUED: Final = frozenset({Phase.CURRENT, Phase.READY, Phase.SENT})
_ISSUE: Final = schema(
    {
        probatio.Required("gateway_id"): fields.text(40),
        probatio.Optional("rights", default=list(RIGHTS)): [probatio.In(RIGHTS)],
        probatio.Optional("ttl", default=86400): fields.integer(MIN_TTL, 64 * 86400),
        probatio.Optional("reason"): probatio.In(["absent", "expired", "epoch"]),
        **PERSON,
    }
)


@allow(Kind.USER, Kind.GATEWAY)
async def issue(request: web.Request) -> web.Response:
    """Issue tickets for a gateway: one for each generation the lock may have now.

    A gateway of the household asks for each person it acts for: what the person may do is decided
    here, and holds without the server until the ticket ends.
    """
    lock, found = visible_lock(request)
    asked = body(request, _ISSUE)
    gateway = own_gateway(request, asked["gateway_id"])
    caller = caller_of(request, lock, found, asked.get("person"))
    standing, terms = _terms(request.app, lock, caller)
    if asked.get("reason") == "epoch":
        lock.epoch_doubted = True
    secrets = hand_out(
        request.app, lock, standing, gateway, terms=terms, rights=asked["rights"], ttl=asked["ttl"]
    )
    return answer(request, secrets)


def _terms(app: web.Application, lock: Lock, caller: Caller) -> tuple[Standing, Terms]:
    """Return the standing that a ticket may rest on, and its terms; a refusal is audited."""
    code = Code.NOT_PERMITTED
    for standing in caller.standings:
        if standing.is_owner and caller.at_home and lock.device.lost is None:
            return standing, Terms(Code.OK, standing.rights, None)
        house, _ = house_of(app, lock)
        terms = ticket_terms(standing, app[LOCKS].now, house, at_home=caller.at_home)
        if (code := terms.code) is Code.OK:
            return standing, terms
    detail = {"person": caller.user_id} if caller.named else {}
    app[AUDIT].append("ticket.refuse", caller.address, lock.address, result=code, detail=detail)
    raise RasError(code, "There is no ticket for this: ask the server each time")


def hand_out(
    app: web.Application,
    lock: Lock,
    standing: Standing,
    gateway: Gateway,
    *,
    terms: Terms,
    rights: list[str],
    ttl: int,
) -> dict[str, Any]:
    """Return tickets and the keys of adverts for a gateway; both are secrets."""
    locks = app[LOCKS]
    now = locks.now
    granted = granted_rights(terms.rights, tuple(rights))
    if not granted:
        raise RasError(Code.NOT_PERMITTED, "None of these rights is granted")
    ttl = min(ttl, LONGEST[gateway.kind])
    if not (standing.is_owner or standing.member):
        ttl = min(ttl, LONGEST_OF_GUEST)
    if terms.end is not None:
        ttl = min(ttl, terms.end - now)
    if ttl < MIN_TTL:
        raise RasError(Code.EXPIRED, "The grant ends in less than a minute")
    tid, code, names = locks.next_tid(), ttl_code(ttl), right_names(granted)
    tickets: list[dict[str, Any]] = []
    for key in lock.record.keys:
        if key.phase not in _ISSUED:
            continue
        epoch = lock.device.epoch if key.phase == Phase.CURRENT else 1
        minted = locks.key(lock, key).mint(
            uid=standing.uid, tid=tid, rights=granted, ttl=code, epoch=epoch, time=now
        )
        tickets.append(
            {
                "gen": key.gen,
                "packet": minted.packet.hex(),
                "k_t": minted.k_t.hex(),
                "tid": tid,
                "uid": standing.uid,
                "rights": names,
                "issued": now,
                "expires": minted.expires,
                "epoch": epoch,
            }
        )
    app[AUDIT].append(
        "ticket.issue",
        f"gw:{gateway.gateway_id}",
        lock.address,
        detail={
            "expires": now + ttl_seconds(code),
            "gateway": gateway.gateway_id,
            "gens": [ticket["gen"] for ticket in tickets],
            "rights": names,
            "tid": tid,
            "uid": standing.uid,
        },
    )
    return {
        "tickets": tickets,
        "k_adv": advert_keys(locks, lock) if in_household(app, lock, gateway) else {},
    }


@lru_cache
def granted_rights(held: Right, asked: tuple[str, ...]) -> Right:
    """Return the rights that are both held and asked for."""
    return held & rights_from_names(list(asked)) & ALL_RIGHTS


@lru_cache
def ttl_code(ttl: int) -> int:
    """Return how a ticket says its lifetime (seconds)."""
    return encode_ttl(ttl)


@lru_cache
def right_names(rights: Right) -> list[str]:
    """Return the names of rights."""
    return rights_to_names(rights)


def advert_keys(locks: Locks, lock: Lock) -> dict[str, str]:
    """Return K_adv by generation, for a gateway of the owner's household."""
    return {
        str(key.gen): locks.key(lock, key).advert.hex()
        for key in lock.record.keys
        if key.phase in _ISSUED
    }


def tickets_since(app: web.Application, lock: Lock, since: int) -> Iterator[dict[str, Any]]:
    """Yield the entries of the audit of a lock's tickets since a time, the newest first."""
    start, view = _END, View(lock.address, (TICKET,))
    while rows := app[AUDIT].index.page([view], start, _CHUNK, newest_first=True):
        for row in rows:
            entry = orjson.loads(row.entry)
            if entry["ts"] < since - CLOCK_DOUBT:
                return  # without a clock there is no ticket: before this one all are older
            yield entry
        start = rows[-1].n


def live_tickets(app: web.Application, lock: Lock) -> Iterator[dict[str, Any]]:
    """Yield the entries of the tickets of a lock that still live, the newest first."""
    now = app[LOCKS].now
    for entry in tickets_since(app, lock, now - LONGEST_OF_ALL):
        if entry["detail"]["expires"] > now:
            yield entry


def may_commit(app: web.Application, lock: Lock) -> bool:
    """Return whether all gateways with live tickets hold one of the prepared generation too."""
    wanted = next((key.gen for key in lock.record.keys if key.phase == Phase.READY), None)
    if wanted is None:
        return True
    without, supplied = set[str](), set[str]()
    for entry in live_tickets(app, lock):
        holders = supplied if wanted in entry["detail"]["gens"] else without
        holders.add(entry["detail"]["gateway"])
    return without <= supplied


@allow(Kind.USER, Kind.GATEWAY)
async def show(request: web.Request) -> web.Response:
    """List the live tickets of a lock; its owner sees all, others their own."""
    lock, standings = live_lock(request)
    uids = {standing.uid for standing in standings}
    items = [
        {
            "tid": entry["detail"]["tid"],
            "gateway": entry["detail"]["gateway"],
            "rights": entry["detail"]["rights"],
            "expires": entry["detail"]["expires"],
        }
        for entry in islice(live_tickets(request.app, lock), _MOST_SHOWN)
        if standings[0].is_owner or entry["detail"]["uid"] in uids
    ]
    return answer(request, {"items": items, "next": None})


ROUTES: Final = (
    web.post("/v1/devices/{device_id}/tickets", issue),
    web.get("/v1/devices/{device_id}/tickets", show),
)
