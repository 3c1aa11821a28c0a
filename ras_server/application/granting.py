"""Grants are given, changed and ended, whoever wants it (project profile, sections 5.3 and 7.1).

What a grant says holds here at once. At the lock it is a row with a user account ID of its own,
which any gateway writes and deletes later. Until the deletion arrives, a ticket that a gateway
holds still opens: at the longest until the ticket ends.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from aiohttp import web

from igrs_codec.bsld.frame import Right
from igrs_codec.bsld.ticket import rights_to_names

from ..errors import Code, RasError
from ..keys import DATABASE
from ..store import grants as store, sites
from ..store.devices import Record
from ..store.grants import Grant
from .agenda import with_user, without_user
from .audit import AUDIT
from .evidence import POSITIONS
from .lifecycle import raise_epoch, start_rekey
from .locks import LOCKS, Lock
from .notices import REGISTRATION, ask_delivery, household_gateways, tell

MOST: Final = 200
"""Live grants of a lock; all but links have a row of their own, and there are 64 of those."""
_ADDED: Final = "added"
_REMOVED: Final = "removed"


def give(app: web.Application, lock: Lock, grant: Grant, actor: str) -> Grant:
    """Give a grant, whose `uid` is set here, and have its row written to the lock."""
    grant, record = _with_row(app, lock, grant)
    with app[DATABASE].write():
        store.add(app[DATABASE], grant)
        store.name_uid(app[DATABASE], grant)
        app[AUDIT].append(
            "grant.create",
            actor,
            lock.address,
            detail={"grant": grant.grant_id, "rights": rights_to_names(Right(grant.rights))},
        )
        app[LOCKS].save(lock, record)
    ask_delivery(app, lock)
    _tell_holder(app, lock, grant, _ADDED)
    return grant


def change(app: web.Application, lock: Lock, before: Grant, after: Grant, actor: str) -> Grant:
    """Change the terms of a grant.

    It gets a new user account ID, so that the tickets of before end with the old row. The keypad
    codes that were given out for it are cancelled.
    """
    after, record = _with_row(app, lock, after)
    with app[DATABASE].write():
        if not store.save(app[DATABASE], after):
            raise RasError(Code.CHANGED, "The grant was changed in the meantime")
        store.name_uid(app[DATABASE], after)
        app[AUDIT].append(
            "grant.change",
            actor,
            lock.address,
            detail={"grant": after.grant_id, "rights": rights_to_names(Right(after.rights))},
        )
        record = _without_codes(record, lambda grant_id: grant_id == after.grant_id)
        app[LOCKS].save(lock, without_ended(app, lock, record))
    _tell_gateways(app, lock, before)
    ask_delivery(app, lock)
    return replace(after, rev=after.rev + 1)


def renew(app: web.Application, lock: Lock, grant: Grant, actor: str) -> None:
    """Give a grant a new user account ID: the tickets that were taken under it end.

    Its row is written over, so a lock whose rows are all taken can do it, too.
    """
    after = replace(grant, uid=app[LOCKS].new_uid(lock))
    users = (
        replace(user, uid=after.uid, synced=0) if user.uid == grant.uid else user
        for user in lock.record.users
    )
    with app[DATABASE].write():
        store.save(app[DATABASE], after)
        store.name_uid(app[DATABASE], after)
        app[AUDIT].append("grant.renew", actor, lock.address, detail={"grant": grant.grant_id})
        app[LOCKS].save(lock, replace(lock.record, users=tuple(users)))
    _tell_gateways(app, lock, grant)
    ask_delivery(app, lock)


def end(app: web.Application, lock: Lock, grant: Grant, actor: str) -> None:
    """End a grant here and now, and have its row deleted at the lock."""
    with app[DATABASE].write():
        if not store.revoke(app[DATABASE], grant.grant_id, app[LOCKS].now):
            return
        app[LOCKS].save(lock, without_ended(app, lock, lock.record))
        app[AUDIT].append("grant.revoke", actor, lock.address, detail={"grant": grant.grant_id})
    person = store.holder_of(app[DATABASE], grant.grant_id)
    if person is not None and sites.has_left(app[DATABASE], lock.id, person):
        end_keys(app, lock, actor)
    _tell_gateways(app, lock, grant)
    ask_delivery(app, lock)
    _tell_holder(app, lock, grant, _REMOVED)


def end_keys(app: web.Application, lock: Lock, actor: str) -> None:
    """End the tickets of a lock, and give it a new key: a gateway left that has the old ones."""
    raise_epoch(app, lock, actor)
    start_rekey(app, lock, "gateway_removed", actor)


def end_each(app: web.Application, grants: list[Grant], actor: str) -> None:
    """End grants of any locks."""
    for grant in grants:
        if (lock := app[LOCKS].get(grant.device_id)) is not None:
            end(app, lock, grant, actor)


def end_all(app: web.Application, lock: Lock, actor: str) -> None:
    """End every grant of a lock: it changes hands."""
    database, now = app[DATABASE], app[LOCKS].now
    end_each(app, store.live_of_device(database, lock.id, now), actor)
    store.end_device(database, lock.id, now)


def person_removed(app: web.Application, user_id: str) -> None:
    """End every grant of a person who leaves, and his memberships, also those of his account."""
    end_each(app, store.live_of_user(app[DATABASE], user_id), f"user:{user_id}")
    sites.remove_memberships(app[DATABASE], user_id)
    app[POSITIONS].forget_person(user_id)


def _with_row(app: web.Application, lock: Lock, grant: Grant) -> tuple[Grant, Record]:
    """Return a grant with a user account ID, and the record with its row; or raise 2013.

    Links share a row when all are taken; nobody has tickets for those.
    """
    live = store.live_of_device(app[DATABASE], lock.id, app[LOCKS].now)
    others = [other for other in live if other.grant_id != grant.grant_id]
    if len(others) >= MOST:
        raise RasError(Code.MEMORY_FULL, f"A lock has at most {MOST} live grants")
    rights = Right(grant.rights)
    uid = app[LOCKS].new_uid(lock)
    try:
        record = with_user(
            lock.record,
            uid,
            rights,
            user_id=grant.user_id if grant.account is None else None,
            grant_id=grant.grant_id,
            start=None if grant.link is not None else grant.start,
        )
    except RasError:
        if (shared := _shared_uid(lock, grant, others)) is None:
            raise
        return replace(grant, uid=shared), lock.record
    return replace(grant, uid=uid), record


def _shared_uid(lock: Lock, grant: Grant, others: list[Grant]) -> int | None:
    """Return the user account ID of another link whose row has the rights that are needed."""
    if grant.link is None:
        return None
    rows = {user.uid: Right(user.rights) for user in lock.record.users if user.wanted}
    return next(
        (
            other.uid
            for other in others
            if other.link is not None and Right(grant.rights) in rows.get(other.uid, Right(0))
        ),
        None,
    )


def without_ended(app: web.Application, lock: Lock, record: Record) -> Record:
    """Return the record without the rows and keypad codes which no live grant is the reason for."""
    held = store.held(app[DATABASE], lock.id, app[LOCKS].now)
    uids = {*held.values()}
    for user in record.users:
        if user.wanted and user.grant_id is not None and user.uid not in uids:
            record = without_user(record, user.uid)
    return _without_codes(record, lambda grant_id: grant_id not in held)


def _without_codes(record: Record, ended: Callable[[str], bool]) -> Record:
    """Return the record with the codes of such grants cancelled, but for those that are used."""
    codes = (
        replace(code, cancelled=1)
        if code.grant_id is not None and ended(code.grant_id) and not code.used
        else code
        for code in record.codes
    )
    return replace(record, codes=tuple(codes))


def _tell_gateways(app: web.Application, lock: Lock, grant: Grant) -> None:
    """Tell the gateways that may have tickets of a user account ID that those are to be dropped."""
    gateway_ids = dict.fromkeys((*household_gateways(app, lock), grant.gateway_id))
    receivers = [f"gw:{gateway_id}" for gateway_id in gateway_ids if gateway_id is not None]
    body = {"op": "revoked", "uid": grant.uid, "user_id": grant.user_id}
    tell(app, lock, receivers, REGISTRATION, body)


def _tell_holder(app: web.Application, lock: Lock, grant: Grant, op: str) -> None:
    holders = (("user", grant.user_id), ("gw", grant.gateway_id))
    receivers = [f"{kind}:{id_}" for kind, id_ in holders if id_ is not None]
    tell(app, lock, receivers, REGISTRATION, {"op": op})
