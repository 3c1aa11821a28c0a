"""Sites: a home, its household (owner, members, guests), its locks and its place (sections 4, 7.4).

Who joins a household gets a grant for each lock of the site, and each lock that joins the site
brings a grant for each of them: at the lock and in every decision they are grants like others.
"""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web
import orjson
import probatio

from igrs_codec.bsld.frame import Right

from .. import fields
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL, new_id
from ..paging import listing, page
from ..principal import Kind, allow
from ..store import accounts, gateways, grants, sites as store
from ..store.grants import Grant
from ..store.sites import Person, Site
from ..web import answer, body, schema
from .access import device_id, own_lock
from .audit import AUDIT
from .evidence import number
from .geofence import Policy
from .granting import end_each, end_keys, give
from .grants import SUBJECT, account_json, person_of
from .lifecycle import raise_epoch
from .locks import LOCKS, Lock

RIGHTS: Final = {
    "member": Right.LOCK | Right.UNLOCK | Right.OPEN | Right.LOG | Right.HOLD,
    "guest": Right.LOCK | Right.UNLOCK,
}
"""What a person of a household may do at every lock of its site."""

_NAME: Final = fields.text(100)
_REV: Final = fields.integer(1, 2**53)
_MOST_PEOPLE: Final = 50
_MOST_LOCKS: Final = 200

_CREATE: Final = schema({probatio.Required("name"): _NAME})
_CHANGE: Final = schema(
    {
        probatio.Required("rev"): _REV,
        probatio.Optional("name"): _NAME,
        probatio.Optional("lockdown"): bool,
    }
)
_FENCE: Final = schema(
    {
        probatio.Required("lat"): number(-90, 90),
        probatio.Required("lon"): number(-180, 180),
        probatio.Required("radius_m"): fields.integer(50, 5000),
        probatio.Required("policy"): probatio.In([each.value for each in Policy]),
        probatio.Optional("dwell_s", default=0): fields.integer(0, 600),
        probatio.Optional("max_age_s", default=120): fields.integer(10, 3600),
        probatio.Optional("max_accuracy_m", default=100): fields.integer(10, 5000),
    }
)
_INVITE: Final = schema(
    {
        probatio.Required("subject"): probatio.Any(*SUBJECT),
        probatio.Required("role"): probatio.In(list(RIGHTS)),
    }
)


@allow(Kind.USER)
async def show_all(request: web.Request) -> web.Response:
    """List the sites of the caller."""
    asked, user_id = page(request), request[PRINCIPAL].user_id
    found = store.of_owner(request.app[DATABASE], user_id, asked.after, asked.limit + 1)
    return listing(
        request,
        asked,
        found,
        lambda site: (site.created, site.site_id),
        lambda site: _json(request.app, site),
    )


@allow(Kind.USER)
@once()
async def create(request: web.Request) -> web.Response:
    """Make a new site of the caller."""
    app = request.app
    site = Site(
        site_id=new_id(app, "si"),
        owner=request[PRINCIPAL].user_id,
        created=app[LOCKS].now,
        **body(request, _CREATE),
    )
    store.add(app[DATABASE], site)
    _audit(request, "site.create", site)
    return answer(request, _json(app, site), http=201)


@allow(Kind.USER)
async def show(request: web.Request) -> web.Response:
    """Show a site to its owner."""
    return answer(request, _json(request.app, _own(request)))


@allow(Kind.USER, fresh=True)
@once()
async def change(request: web.Request) -> web.Response:
    """Rename a site, or switch its lockdown: then only its owner gets in.

    A lockdown raises the epoch of each lock, so that the tickets of before end.
    """
    app, asked, before = request.app, body(request, _CHANGE), _own(request)
    if "lockdown" in asked:
        asked["lockdown"] = int(asked["lockdown"])
    site = _saved(request, replace(before, **asked))
    _audit(request, "site.change", site, lockdown=site.lockdown)
    if site.lockdown and not before.lockdown:
        for lock in _locks(app, site):
            raise_epoch(app, lock, request[PRINCIPAL].address)
    return answer(request, _json(app, site))


@allow(Kind.USER, fresh=True)
@once()
async def set_fence(request: web.Request) -> web.Response:
    """Set where a site is, and what an unlock from elsewhere is answered.

    A stricter policy raises the epoch of each lock: tickets know nothing of places.
    """
    app, site = request.app, _own(request)
    fence = body(request, _FENCE)
    before = None if site.fence is None else orjson.loads(site.fence)
    site = _saved(request, replace(site, fence=orjson.dumps(fence).decode()))
    _audit(request, "site.geofence", site, policy=fence["policy"])
    fenced = before is not None and before["policy"] != Policy.OFF
    if fence["policy"] != Policy.OFF and not fenced:
        for lock in _locks(app, site):
            raise_epoch(app, lock, request[PRINCIPAL].address)
    return answer(request, _json(app, site))


@allow(Kind.USER, fresh=True)
@once()
async def remove(request: web.Request) -> web.Response:
    """Dissolve a site with its household; the locks stay with their owner."""
    app, site, actor = request.app, _own(request), request[PRINCIPAL].address
    with app[DATABASE].write():
        for gateway_id in store.gateways(app[DATABASE], site.site_id):
            _forget_gateway(request, site, gateway_id)
        for person in store.people(app[DATABASE], site.site_id):
            end_each(app, grants.live_of_household(app[DATABASE], person.person_id), actor)
        store.remove(app[DATABASE], site.site_id)
        _audit(request, "site.remove", site)
    return answer(request)


@allow(Kind.USER, fresh=True)
@once()
async def put_device(request: web.Request) -> web.Response:
    """Put a lock of the owner into a site; its household may use it from now on."""
    app, site, lock = request.app, _own(request), own_lock(request)
    with app[DATABASE].write():
        take_out(app, lock, request[PRINCIPAL].address)
        if len(store.devices(app[DATABASE], site.site_id)) >= _MOST_LOCKS:
            raise RasError(Code.MEMORY_FULL, "A site has at most 200 locks")
        store.put_device(app[DATABASE], site.site_id, lock.id)
        _audit(request, "site.put_device", site, device=lock.id)
        for person in store.people(app[DATABASE], site.site_id):
            _let_in(request, person, lock)
    return answer(request, _json(app, site))


@allow(Kind.USER, fresh=True)
async def take_device(request: web.Request) -> web.Response:
    """Take a lock out of a site."""
    site = _own(request)
    id_ = device_id(request)
    lock = request.app[LOCKS].get(id_)
    if lock is None or id_ not in store.devices(request.app[DATABASE], site.site_id):
        raise RasError(Code.UNKNOWN, "This device is not at this site")
    with request.app[DATABASE].write():
        take_out(request.app, lock, request[PRINCIPAL].address)
        _audit(request, "site.take_device", site, device=lock.id)
    return answer(request)


def take_out(app: web.Application, lock: Lock, actor: str) -> None:
    """Take a lock out of its site, if it is in one, and end what its household had."""
    site = store.of_device(app[DATABASE], lock.id)
    if site is not None and store.take_device(app[DATABASE], lock.id):
        if store.gateways(app[DATABASE], site.site_id):
            end_keys(app, lock, actor)
        found = grants.live_of_device(app[DATABASE], lock.id, app[LOCKS].now)
        end_each(app, [grant for grant in found if grant.person_id is not None], actor)


@allow(Kind.USER, fresh=True)
@once()
async def invite(request: web.Request) -> web.Response:
    """Take a person into a household."""
    app, site, asked = request.app, _own(request), body(request, _INVITE)
    user_id, account = person_of(app, asked["subject"])
    people = store.people(app[DATABASE], site.site_id)
    if any(
        each.account == account if account is not None else each.user_id == user_id
        for each in people
    ):
        raise RasError(Code.ACCOUNT_TAKEN, "This person belongs to the household already")
    if len(people) >= _MOST_PEOPLE:
        raise RasError(Code.MEMORY_FULL, "A household has at most 50 people")
    person = Person(
        person_id=new_id(app, "p"),
        site_id=site.site_id,
        user_id=user_id,
        account=account,
        role=asked["role"],
        created=app[LOCKS].now,
    )
    with app[DATABASE].write():
        store.add_person(app[DATABASE], person)
        _audit(request, "site.invite", site, person=person.person_id, role=person.role)
        for lock in _locks(app, site):
            _let_in(request, person, lock)
    return answer(request, _person_json(app, person), http=201)


def _let_in(request: web.Request, person: Person, lock: Lock) -> None:
    """Give a person of a household the grant of his role for one lock."""
    grant = Grant(
        grant_id=new_id(request.app, "gr"),
        device_id=lock.id,
        user_id=person.user_id,
        account=person.account,
        uid=0,
        rights=RIGHTS[person.role],
        start=None,
        until=None,
        notify=0,
        created=request.app[LOCKS].now,
        person_id=person.person_id,
        member=int(person.role == "member"),
    )
    give(request.app, lock, grant, request[PRINCIPAL].address)


@allow(Kind.USER, fresh=True)
async def dismiss(request: web.Request) -> web.Response:
    """Let a person leave a household: all that came with it ends, his gateways' part in it too."""
    app, site, actor = request.app, _own(request), request[PRINCIPAL].address
    person = store.person(app[DATABASE], request.match_info["person_id"])
    if person is None or person.site_id != site.site_id:
        raise RasError(Code.UNKNOWN, "There is no such person")
    with app[DATABASE].write():
        for gateway_id in store.gateways(app[DATABASE], site.site_id):
            gateway = gateways.get(app[DATABASE], gateway_id)
            if gateway is not None and gateway.user_id == _user_of(app, person):
                _forget_gateway(request, site, gateway_id)
        end_each(app, grants.live_of_household(app[DATABASE], person.person_id), actor)
        store.remove_person(app[DATABASE], person.person_id)
        _audit(request, "site.dismiss", site, person=person.person_id)
    return answer(request)


@allow(Kind.USER, fresh=True)
@once()
async def put_gateway(request: web.Request) -> web.Response:
    """Count a gateway of a member as one of the household: it gets the keys of adverts.

    It leaves the caller's other households; those of other people are not touched.
    """
    app, site = request.app, _own(request)
    gateway = gateways.get(app[DATABASE], request.match_info["gateway_id"])
    members = {
        _user_of(app, person)
        for person in store.people(app[DATABASE], site.site_id)
        if person.role == "member"
    }
    if gateway is None or gateway.user_id not in members - {None}:
        raise RasError(Code.UNKNOWN, "There is no such gateway of a member")
    with app[DATABASE].write():
        for other in store.with_gateway(app[DATABASE], site.owner, gateway.gateway_id):
            if other.site_id != site.site_id:
                _forget_gateway(request, other, gateway.gateway_id)
        store.put_gateway(app[DATABASE], site.site_id, gateway.gateway_id)
        _audit(request, "site.put_gateway", site, gateway=gateway.gateway_id)
    return answer(request, _json(app, site))


@allow(Kind.USER, fresh=True)
async def take_gateway(request: web.Request) -> web.Response:
    """Count a gateway as one of the household no longer."""
    site, gateway_id = _own(request), request.match_info["gateway_id"]
    if gateway_id not in store.gateways(request.app[DATABASE], site.site_id):
        raise RasError(Code.UNKNOWN, "This gateway does not belong to the household")
    with request.app[DATABASE].write():
        _forget_gateway(request, site, gateway_id)
    return answer(request)


def _forget_gateway(request: web.Request, site: Site, gateway_id: str) -> None:
    """End what a gateway knew as one of the household: its tickets, and K_adv with a new key."""
    app, actor = request.app, request[PRINCIPAL].address
    store.take_gateway(app[DATABASE], site.site_id, gateway_id)
    _audit(request, "site.take_gateway", site, gateway=gateway_id)
    for lock in _locks(app, site):
        end_keys(app, lock, actor)


def _own(request: web.Request) -> Site:
    """Return the site of the path if the caller owns it, or raise 4005."""
    site = store.get(request.app[DATABASE], request.match_info["site_id"])
    if site is None or site.owner != request[PRINCIPAL].user_id:
        raise RasError(Code.UNKNOWN, "There is no such site")
    return site


def _saved(request: web.Request, site: Site) -> Site:
    if not store.save(request.app[DATABASE], site):
        raise RasError(Code.CHANGED, "The site was changed in the meantime")
    return replace(site, rev=site.rev + 1)


def _locks(app: web.Application, site: Site) -> list[Lock]:
    found = map(app[LOCKS].get, store.devices(app[DATABASE], site.site_id))
    return [lock for lock in found if lock is not None and lock.device.owner == site.owner]


def _user_of(app: web.Application, person: Person) -> str | None:
    """Return the user of a person, who may have registered after he was invited."""
    if person.user_id is not None or person.account is None:
        return person.user_id
    found = accounts.user_of_account(
        app[DATABASE], accounts.Account(account_json(person.account)["type"], person.account)
    )
    return None if found is None else found.user_id


def _json(app: web.Application, site: Site) -> dict[str, Any]:
    return {
        "site_id": site.site_id,
        "name": site.name,
        "lockdown": bool(site.lockdown),
        "geofence": None if site.fence is None else orjson.loads(site.fence),
        "devices": store.devices(app[DATABASE], site.site_id),
        "gateways": store.gateways(app[DATABASE], site.site_id),
        "people": [_person_json(app, each) for each in store.people(app[DATABASE], site.site_id)],
        "created": site.created,
        "rev": site.rev,
    }


def _person_json(app: web.Application, person: Person) -> dict[str, Any]:
    """Return a person; who was named by his account is told of as a user once he was here."""
    known = person.account is None or store.is_met(app[DATABASE], person.person_id)
    user_id = _user_of(app, person) if known else None
    user = None if user_id is None else accounts.user(app[DATABASE], user_id)
    return {
        "person_id": person.person_id,
        "role": person.role,
        "user_id": user_id,
        "account": None if person.account is None else account_json(person.account),
        "display_name": None if user is None else user.display_name,
        "created": person.created,
    }


def _audit(request: web.Request, action: str, site: Site, **detail: Any) -> None:
    request.app[AUDIT].append(
        action, request[PRINCIPAL].address, f"site:{site.site_id}", detail=detail
    )


ROUTES: Final = (
    web.get("/v1/sites", show_all),
    web.post("/v1/sites", create),
    web.get("/v1/sites/{site_id}", show),
    web.patch("/v1/sites/{site_id}", change),
    web.delete("/v1/sites/{site_id}", remove),
    web.put("/v1/sites/{site_id}/geofence", set_fence),
    web.put("/v1/sites/{site_id}/devices/{device_id}", put_device),
    web.delete("/v1/sites/{site_id}/devices/{device_id}", take_device),
    web.post("/v1/sites/{site_id}/people", invite),
    web.delete("/v1/sites/{site_id}/people/{person_id}", dismiss),
    web.put("/v1/sites/{site_id}/gateways/{gateway_id}", put_gateway),
    web.delete("/v1/sites/{site_id}/gateways/{gateway_id}", take_gateway),
)
