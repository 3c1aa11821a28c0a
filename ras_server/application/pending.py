"""Frames that a gateway may carry later, without the server in between (section 5.3)."""

from typing import Final

from aiohttp import web
import probatio

from .. import fields
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, allow
from ..store.devices import StoredFrame
from ..web import answer, body, schema
from .access import live_lock, own_gateway
from .agenda import MAX_AGE, refused, waits
from .delivery import due
from .flows import has_error, read_frame_answer, take_answer
from .locks import LOCKS, Lock
from .tickets import may_commit

_REPORT: Final = schema(
    {
        probatio.Required("gateway_id"): fields.text(40),
        probatio.Required("notifications"): probatio.All(
            [fields.hexadecimal(0, 20)], probatio.Length(max=64)
        ),
    }
)


@allow(Kind.USER, Kind.GATEWAY)
async def show(request: web.Request) -> web.Response:
    """Hand out the frame that the lock has to get next; the same one to every gateway.

    It leaves when it is on the disk: one that is made here is a write, though it is asked by GET.
    """
    lock, _ = live_lock(request)
    frame = _frame(request.app, lock)
    await request.app[DATABASE].settle()
    packets = (
        [] if frame is None else [{"packet": frame.packet.hex(), "not_after": frame.time + MAX_AGE}]
    )
    return answer(request, {"packets": packets})


def _frame(app: web.Application, lock: Lock) -> StoredFrame | None:
    """Return the outstanding frame, or issue the next one; None if there is nothing to tell."""
    locks, frame = app[LOCKS], lock.record.frame
    if lock.lease.locked():
        return None
    if frame is not None and not frame.refused and frame.time + MAX_AGE > locks.now:
        return frame
    if frame is not None and waits(frame, locks.now):
        return None
    plan = due(locks, lock, may_commit=may_commit(app, lock))
    return None if plan is None else locks.frame(lock, plan)


@allow(Kind.USER, Kind.GATEWAY)
async def report(request: web.Request) -> web.Response:
    """Take what the lock answered to a frame that was carried to it."""
    app, asked = request.app, body(request, _REPORT)
    lock, _ = live_lock(request)
    own_gateway(request, asked["gateway_id"])
    locks, accepted = app[LOCKS], False
    answered = read_frame_answer(locks, lock, asked["notifications"])
    if answered is not None:
        take_answer(locks, lock, answered, request[PRINCIPAL].address)
        accepted = True
    elif lock.record.frame is not None and has_error(asked["notifications"], lock.record.frame.tag):
        locks.save(lock, refused(lock.record))
    more = locks.get(lock.id) is lock and due(locks, lock, may_commit=may_commit(app, lock))
    return answer(request, {"accepted": accepted, "more": bool(more)})


ROUTES: Final = (
    web.get("/v1/devices/{device_id}/pending", show),
    web.post("/v1/devices/{device_id}/pending", report),
)
