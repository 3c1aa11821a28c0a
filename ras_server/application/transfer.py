"""A lock changes hands without anybody at its door: offered by one, accepted by the other.

With the acceptance every grant, ticket and code of before ends here. At the lock they end when a
gateway of the new owner delivers the raised epoch; until then a ticket of before still opens, at
the longest until it ends. The re-key of the new owner uses X25519: no key of before leads to it.
"""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.frame import ALL_RIGHTS

from ..account.names import ACCOUNT, from_body
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL, new_id
from ..principal import Kind, allow
from ..store import accounts, sites, transfers as store
from ..store.devices import LockUser, Record
from ..store.transfers import Transfer
from ..web import answer, body, schema
from .access import own_lock
from .agenda import OWNER_ROW, with_rekey
from .audit import AUDIT
from .devices import device_json
from .granting import end_all
from .locks import LOCKS, Lock
from .notices import REGISTRATION, ask_delivery, household, tell
from .ownership import State
from .sightings import SIGHTINGS

STANDS: Final = 7 * 86400
"""Seconds that an offer stands."""

_REKEY: Final = "transfer"
_OFFER: Final = schema({probatio.Required("account"): schema(ACCOUNT)})


@allow(Kind.USER, fresh=True)
@once()
async def offer(request: web.Request) -> web.Response:
    """Offer a lock to a person; the answer does not tell whether he is registered."""
    app, lock, asked = request.app, own_lock(request), body(request, _OFFER)
    if lock.device.state not in {State.ACTIVE, State.ROTATING}:
        raise RasError(Code.BUSY, "The lock is being registered or removed")
    account = from_body(asked["account"])
    now = app[LOCKS].now
    transfer = Transfer(
        transfer_id=new_id(app, "tr"),
        device_id=lock.id,
        owner=request[PRINCIPAL].user_id,
        account=account.value,
        created=now,
        expires=now + STANDS,
    )
    with app[DATABASE].write():
        store.offer(app[DATABASE], transfer)
        _audit(request, "device.offer", transfer)
    receiver = accounts.user_of_account(app[DATABASE], account)
    if receiver is not None:
        tell(app, lock, [f"user:{receiver.user_id}"], REGISTRATION, {"op": "offered"})
    return answer(request, _json(request, transfer), http=201)


@allow(Kind.USER)
async def show_all(request: web.Request) -> web.Response:
    """List the offers that the caller made, and that were made to him."""
    app, user_id = request.app, request[PRINCIPAL].user_id
    found = store.of_person(app[DATABASE], user_id, app[LOCKS].now)
    items = [_json(request, transfer) for transfer in found]
    return answer(request, {"items": items, "next": None})


def _json(request: web.Request, transfer: Transfer) -> dict[str, Any]:
    app, mine = request.app, transfer.owner == request[PRINCIPAL].user_id
    lock = app[LOCKS].get(transfer.device_id)
    giver = accounts.user(app[DATABASE], transfer.owner)
    return {
        "transfer_id": transfer.transfer_id,
        "device_id": transfer.device_id,
        "name": None if lock is None else lock.device.name,
        "from": None if giver is None else giver.display_name,
        "to": transfer.account if mine else None,
        "mine": mine,
        "expires": transfer.expires,
    }


def _found(request: web.Request) -> tuple[Transfer, Lock]:
    """Return the offer of the path and its lock, to giver and receiver; else raise 4005."""
    app, user_id = request.app, request[PRINCIPAL].user_id
    now = app[LOCKS].now
    transfer_id = request.match_info["transfer_id"]
    for transfer in store.of_person(app[DATABASE], user_id, now):
        lock = app[LOCKS].get(transfer.device_id)
        if (
            transfer.transfer_id == transfer_id
            and lock is not None
            and lock.device.owner == transfer.owner
        ):
            return transfer, lock
    raise RasError(Code.UNKNOWN, "There is no such offer")


@allow(Kind.USER, fresh=True)
@once()
async def accept(request: web.Request) -> web.Response:
    """Take over a lock: from now on it belongs to the caller."""
    app, user_id = request.app, request[PRINCIPAL].user_id
    transfer, lock = _found(request)
    if transfer.owner == user_id:
        raise RasError(Code.NOT_PERMITTED, "Nobody takes over his own lock")
    if lock.device.state not in {State.ACTIVE, State.ROTATING}:
        raise RasError(Code.BUSY, "The lock is being registered or removed")
    before, actor = household(app, lock), request[PRINCIPAL].address
    with app[DATABASE].write():
        end_all(app, lock, actor)
        sites.take_device(app[DATABASE], lock.id)
        store.remove(app[DATABASE], transfer.transfer_id)
        new = handed_over(lock.record, user_id, app[LOCKS].new_uid(lock), app[LOCKS].now)
        app[LOCKS].save(lock, new)
        app[AUDIT].append(
            "device.transfer",
            actor,
            lock.address,
            detail={"from": transfer.owner, "to": user_id},
        )
    app[SIGHTINGS].forget_device(lock.id)
    tell(app, lock, before, REGISTRATION, {"op": "removed"})
    tell(app, lock, household(app, lock), REGISTRATION, {"op": "added"})
    ask_delivery(app, lock)
    return answer(request, device_json(app, lock, owner=True))


def handed_over(record: Record, owner: str, uid: int, at: int) -> Record:
    """Return the record of a lock that belongs to somebody else from a time on.

    Its log begins anew: what happened before is not the new owner's.
    """
    device = replace(
        record.device,
        owner=owner,
        uid=uid,
        registration=max(at, record.device.registration + 1),
        epoch_wanted=record.device.epoch + 1,
        lost=None,
        rev=record.device.rev + 1,
    )
    row = LockUser(
        device_id=device.device_id,
        uid=uid,
        lock_row=OWNER_ROW,
        rights=int(ALL_RIGHTS),
        user_id=owner,
        grant_id=None,
    )
    gone = (replace(user, wanted=0, synced=0) for user in record.users)
    given = replace(record, device=device, users=(*gone, row), codes=())
    return with_rekey(given, _REKEY)


@allow(Kind.USER, fresh=True)
@once()
async def decline(request: web.Request) -> web.Response:
    """Withdraw an offer, or decline it."""
    transfer, _ = _found(request)
    with request.app[DATABASE].write():
        store.remove(request.app[DATABASE], transfer.transfer_id)
        _audit(request, "device.decline", transfer)
    return answer(request)


def _audit(request: web.Request, action: str, transfer: Transfer) -> None:
    request.app[AUDIT].append(
        action,
        request[PRINCIPAL].address,
        f"dev:{transfer.device_id}",
        detail={"transfer": transfer.transfer_id},
    )


ROUTES: Final = (
    web.post("/v1/devices/{device_id}/transfer", offer),
    web.get("/v1/transfers", show_all),
    web.post("/v1/transfers/{transfer_id}/accept", accept),
    web.delete("/v1/transfers/{transfer_id}", decline),
)
