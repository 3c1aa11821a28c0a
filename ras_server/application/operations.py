"""Remote operation: decided here, carried by a gateway, done by the lock (sections 5.1 and 6)."""

import asyncio
from functools import partial
from typing import Any, Final

from aiohttp import web
import orjson
import probatio

from .. import fields
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, MID, PRINCIPAL, new_id
from ..message.push import PUSH
from ..principal import Kind, allow
from ..store import operations as store
from ..store.operations import Operation
from ..web import answer, body, schema
from .access import visible_lock
from .decision import Wish
from .errand import ERRANDS, Errand
from .evidence import EVIDENCE, PERSON
from .locks import LOCKS, Lock
from .notices import RESPONSE
from .permits import Caller, allowed, caller_of
from .progress import operation_json
from .relay import Deed

LONGEST_WAIT: Final = 20
"""Seconds that a caller waits for the result."""
MOST: Final = 2
"""Operations of one asker that are under way to one lock; they go one after the other."""

_OPERATE: Final = schema(
    {
        probatio.Required("cmd"): probatio.In(["lock", "unlock", "open"]),
        probatio.Optional("relock_s", default=0): probatio.Any(0, fields.integer(1, 1275)),
        probatio.Optional("expires"): fields.integer(0, 0xFFFFFFFF),
        probatio.Optional("reason"): fields.text(100),
        probatio.Optional("wait", default=LONGEST_WAIT): fields.integer(0, LONGEST_WAIT),
        **EVIDENCE,
    }
)
_QUERY: Final = schema(
    {
        probatio.Required("what"): probatio.In(["status", "version", "log"]),
        probatio.Optional("from", default=0): fields.integer(0, 0xFFFF),
        probatio.Optional("wait", default=LONGEST_WAIT): fields.integer(0, LONGEST_WAIT),
        **PERSON,
    }
)


@allow(Kind.USER, Kind.GATEWAY)
@once()
async def operate(request: web.Request) -> web.Response:
    """Lock, unlock or open a lock through a gateway."""
    asked = body(request, _OPERATE)
    deed = Deed(command=asked["cmd"], relock_s=asked["relock_s"])
    return await _do(request, deed, asked)


@allow(Kind.USER, Kind.GATEWAY)
async def query(request: web.Request) -> web.Response:
    """Ask a lock for its state, its version or its records."""
    asked = body(request, _QUERY)
    deed = Deed(command=asked["what"], first_record=asked["from"])
    return await _do(request, deed, asked)


async def _do(request: web.Request, deed: Deed, asked: dict[str, Any]) -> web.Response:
    """Have a deed decided for the person it is asked for, and carried out."""
    lock, found = visible_lock(request)
    caller = caller_of(request, lock, found, asked.get("person"))
    return await have_done(request, lock, caller, deed, asked)


async def have_done(
    request: web.Request, lock: Lock, caller: Caller, deed: Deed, asked: dict[str, Any]
) -> web.Response:
    """Have a deed decided and carried out, once for each mid, and answer with its result."""
    app, mid = request.app, request[MID]
    if (known := store.of_mid(app[DATABASE], caller.address, mid)) is not None:
        if (known.device_id, known.command) != (lock.id, deed.command):
            raise RasError(Code.MID_REUSED, "This mid was used for another operation")
        return told(request, known)
    wish = Wish(command=deed.command, expires=asked.get("expires"), relock=bool(deed.relock_s))
    asker = _asker(caller)
    if sum(each.lock is lock and each.asker == asker for each, _ in app[ERRANDS].values()) >= MOST:
        raise RasError(Code.BUSY, f"{MOST} operations of yours are under way to this lock")
    operation_id = new_id(app, "o")
    permit = allowed(app, lock, caller, wish, asked, operation=operation_id)
    errand = Errand(app, permit, deed, operation_id=operation_id, mid=mid, asker=asker)
    return told(request, await carry_out(app, errand, wait=asked["wait"]))


def _asker(caller: Caller) -> tuple[str, str]:
    """Return who counts as one (address, person): a person, whatever he uses.

    For an owner each thing he uses counts by itself, so that none of them keeps him waiting.
    """
    owns = any(standing.is_owner for standing in caller.standings)
    return (caller.address if owns or not caller.user_id else "", caller.user_id)


async def carry_out(app: web.Application, errand: Errand, *, wait: float) -> Operation:
    """Carry an errand out; return its operation as it is at its end, or after `wait` seconds."""
    task = asyncio.create_task(errand.run())
    app[ERRANDS][errand.mid] = errand, task
    task.add_done_callback(lambda _: app[ERRANDS].pop(errand.mid, None))
    await asyncio.wait({task}, timeout=wait)
    if not task.done():
        task.add_done_callback(partial(_tell_later, app, errand))
    return errand.progress.operation


def told(request: web.Request, operation: Operation) -> web.Response:
    """Answer with the result of an operation: 202 as long as there is none."""
    if operation.result is None:
        return answer(request, {"operation_id": operation.operation_id}, http=202)
    data = {"operation_id": operation.operation_id, "result": orjson.loads(operation.result)}
    if data["result"]["status"]:
        raise RasError(Code(data["result"]["code"]), "The lock was not operated", data=data)
    return answer(request, data)


def _tell_later(app: web.Application, errand: Errand, task: asyncio.Task[None]) -> None:
    """Send the result to a caller who did not wait for it, if he has an address."""
    operation = errand.progress.operation
    if task.cancelled() or operation.result is None or operation.actor.startswith("guest:"):
        return
    app[PUSH].publish(
        operation.actor,
        RESPONSE,
        orjson.loads(operation.result) | {"operation_id": operation.operation_id},
        src=f"dev:{operation.device_id}",
        re=operation.mid,
    )


@allow(Kind.USER, Kind.GATEWAY)
async def show(request: web.Request) -> web.Response:
    """Show an operation to who asked for it, and to the owner of its lock."""
    app, principal = request.app, request[PRINCIPAL]
    operation = store.get(app[DATABASE], request.match_info["operation_id"])
    if operation is None:
        raise RasError(Code.UNKNOWN, "There is no such operation")
    lock = app[LOCKS].get(operation.device_id)
    owner = None if lock is None else lock.device.owner
    own = operation.actor == principal.address or (
        principal.kind is Kind.USER and principal.user_id in {operation.user_id, owner}
    )
    if not own:
        raise RasError(Code.UNKNOWN, "There is no such operation")
    return answer(request, operation_json(operation))


ROUTES: Final = (
    web.post("/v1/devices/{device_id}/operate", operate),
    web.post("/v1/devices/{device_id}/query", query),
    web.get("/v1/operations/{operation_id}", show),
)
