"""The records of a lock: gateways upload them, nothing is lost or overwritten (section 8)."""

from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..errors import Code, RasError
from ..keys import DATABASE
from ..paging import limit_of, number
from ..principal import Kind, allow
from ..store import accounts, grants, records as store
from ..store.records import LockRecord
from ..web import answer, body, large_body, schema
from .access import in_household, live_lock, own_gateway, visible_lock
from .audit import AUDIT
from .codes import note_used
from .decision import Wish, decide
from .locks import LOCKS, Lock
from .notices import EVENT, household, tell
from .witnesses import asker_of, operation_of

_WRAP: Final = 0x10000
_HALF: Final = 0x8000
_MOST: Final = 1000
_U32: Final = fields.integer(0, 0xFFFFFFFF)
_BYTE: Final = fields.integer(0, 0xFF)

_UPLOAD: Final = schema(
    {
        probatio.Required("gateway_id"): fields.text(40),
        probatio.Optional("lock_time"): _U32,
        probatio.Required("records"): probatio.All(
            [
                schema(
                    {
                        probatio.Required("record"): fields.integer(0, 0xFFFF),
                        probatio.Required("uid"): _U32,
                        probatio.Required("method"): _BYTE,
                        probatio.Required("event"): _BYTE,
                        probatio.Required("detail"): _BYTE,
                        probatio.Required("time"): _U32,
                        probatio.Required("boot_time"): bool,
                    }
                )
            ],
            probatio.Length(max=_MOST),
        ),
    }
)


@allow(Kind.USER, Kind.GATEWAY)
@large_body
async def upload(request: web.Request) -> web.Response:
    """Store the records that a gateway read; only a household's gateway is believed."""
    app, asked = request.app, body(request, _UPLOAD)
    lock, _ = live_lock(request)
    gateway = own_gateway(request, asked["gateway_id"])
    if not in_household(app, lock, gateway):
        raise RasError(Code.NOT_PERMITTED, "Only gateways of the household upload records")
    with app[DATABASE].write():
        return answer(request, _store(app, lock, gateway.gateway_id, asked["records"]))


def _store(
    app: web.Application, lock: Lock, gateway_id: str, uploaded: list[dict[str, Any]]
) -> dict[str, Any]:
    database, now = app[DATABASE], app[LOCKS].now
    registration = lock.device.registration
    newest = store.last(database, lock.id, registration)
    stored = duplicates = 0
    told: list[dict[str, Any]] = []
    gap: list[int] | None = None
    for each in uploaded:
        number = extended(each["record"], newest)
        record = LockRecord(
            device_id=lock.id,
            registration=registration,
            number=number,
            uid=each["uid"],
            method=each["method"],
            event=each["event"],
            detail=each["detail"],
            time=each["time"],
            boot_time=int(each["boot_time"]),
            gateway_id=gateway_id,
            stored=now,
        )
        told.append(_told(app, lock, record))
        known = store.variants(database, record)
        if any(other.content == record.content for other in known):
            duplicates += 1
            continue
        if newest is not None and number > newest + 1 and gap is None:
            gap = [(newest + 1) % _WRAP, (number - 1) % _WRAP]
        _keep(app, lock, record, len(known))
        stored += 1
        newest = number if newest is None else max(newest, number)
    return {
        "stored": stored,
        "duplicates": duplicates,
        "next": 0 if newest is None else (newest + 1) % _WRAP,
        "gap": gap,
        "records": told,
    }


def _told(app: web.Application, lock: Lock, record: LockRecord) -> dict[str, Any]:
    """Return what the server knows of a record: whose it is, who asked for it, through whom."""
    operation = operation_of(app, lock.address, record)
    asked_by, gateway = (None, None) if operation is None else asker_of(app, operation)
    return {
        "record": record.number % _WRAP,
        "user": name_of(app, lock, record.uid),
        "channel": None if asked_by is None else asked_by.partition(":")[0],
        "gateway": gateway,
    }


def _keep(app: web.Application, lock: Lock, record: LockRecord, variant: int) -> None:
    store.add(
        app[DATABASE],
        LockRecord(**{name: getattr(record, name) for name in _FIELDS} | {"variant": variant}),
    )
    detail: dict[str, Any] = {"event": record.event, "record": record.number, "uid": record.uid}
    if not variant and (operation := operation_of(app, lock.address, record)) is not None:
        detail["operation"] = operation
    app[AUDIT].append(
        "log.conflict" if variant else "log.record",
        f"gw:{record.gateway_id}",
        lock.address,
        detail=detail,
    )
    note_used(app, lock, record)
    body_ = {
        "record": record.number,
        "uid": record.uid,
        "user": name_of(app, lock, record.uid),
        "method": record.method,
        "event": record.event,
        "at": record.time,
    }
    tell(app, lock, household(app, lock), EVENT, body_, via=f"gw:{record.gateway_id}")


_FIELDS: Final = tuple(LockRecord.__dataclass_fields__)


def extended(number: int, newest: int | None) -> int:
    """Return a record number (u16) extended by serial order from the newest one known."""
    if newest is None:
        return number
    newer = newest + (number - newest) % _WRAP
    older = newer - _WRAP
    return older if newer - newest >= _HALF and older >= 0 else newer


def name_of(app: web.Application, lock: Lock, uid: int) -> str | None:
    """Return the display name of the person behind a user account ID."""
    database, owner = app[DATABASE], lock.device.owner
    user_id = owner if uid == lock.device.uid else grants.holder(database, lock.id, uid)
    person = None if user_id is None else accounts.user(database, user_id)
    return None if person is None else person.display_name


@allow(Kind.USER, Kind.GATEWAY)
async def show(request: web.Request) -> web.Response:
    """List the records of a lock, from a number on, for who has the right."""
    lock, standings = visible_lock(request)
    if code := decide(standings, Wish(command="log"), request.app[LOCKS].now).code:
        raise RasError(code, "The right log is missing")
    after = number(request, "after", range(2**53), default=-1)
    limit = limit_of(request)
    found = store.page(request.app[DATABASE], lock.id, (lock.device.registration, after), limit + 1)
    items = [_json(request.app, lock, record) for record in found[:limit]]
    more = items[-1]["record"] if len(found) > limit else None
    return answer(request, {"items": items, "next": more})


def _json(app: web.Application, lock: Lock, record: LockRecord) -> dict[str, Any]:
    return {
        "record": record.number,
        "uid": record.uid,
        "user": name_of(app, lock, record.uid),
        "method": record.method,
        "event": record.event,
        "detail": record.detail,
        "time": record.time,
        "boot_time": bool(record.boot_time),
        "conflict": record.variant > 0,
    }


ROUTES: Final = (
    web.post("/v1/devices/{device_id}/log", upload),
    web.get("/v1/devices/{device_id}/log", show),
)
