"""Keypad codes that work without any connection (section 7.3; protocol 14).

The digits of a code are in the answer that gives it out, and nowhere else: stored is what it stands
for.
"""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.codes import INDEXES, ONCE, ONCE_WINDOW, WINDOW_SECONDS, CodeFormat, CodeId
from igrs_codec.bsld.frame import Method, Right

from .. import fields
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, allow
from ..store import grants
from ..store.devices import KeypadCode, Record
from ..store.grants import Grant
from ..store.records import LockRecord
from ..web import answer, body, schema
from .audit import AUDIT
from .configuration import code_format
from .evidence import PERSON
from .locks import LOCKS, Lock
from .managing import managed_lock, note, require_code
from .notices import ask_delivery

_AHEAD: Final = 366 * 86400
"""Seconds that the window of a code may begin ahead."""
_LISTED: Final = 30 * 86400
"""Seconds that a code is listed after its end."""
_LATE: Final = 86400
"""Seconds by which the clock of a lock may be late, so that it takes a code that has ended."""
_ONE_BYTE: Final = 0x100

_ISSUE: Final = schema(
    {
        probatio.Required("class"): fields.integer(0, len(WINDOW_SECONDS) - 1),
        probatio.Optional("index"): fields.integer(0, INDEXES - 1),
        probatio.Optional("count", default=1): fields.integer(1, 1),
        probatio.Optional("at"): fields.integer(0, 0xFFFFFFFF),
        probatio.Optional("name", default=""): fields.text(100, 0),
        probatio.Optional("grant"): fields.text(40),
        **PERSON,
    }
)
_CANCEL: Final = schema(PERSON)


@allow(Kind.USER, Kind.GATEWAY, fresh=True)
@once(secret=True)
async def issue(request: web.Request) -> web.Response:
    """Give out a code: the only time it is shown."""
    app, lock, asked = request.app, managed_lock(request), body(request, _ISSUE)
    now = app[LOCKS].now
    key, form = app[LOCKS].code_key(lock), code_format(lock.record)
    grant = _grant(request, lock, asked["grant"]) if "grant" in asked else None
    record = _tidied(lock.record, now)
    live = (code.code_id for code in record.codes if _state(record, code, now) == "live")
    require_code(request, lock, asked, live)
    id_ = _once_id(record) if asked["class"] == ONCE else _timed_id(record, asked, now)
    end = _end(id_)
    if grant is not None and grant.until is not None and (end or now) > grant.until:
        raise RasError(Code.EXPIRED, "The code would outlive the grant")
    code = KeypadCode(
        code_id=app[LOCKS].new_id("c"),
        device_id=lock.id,
        code_class=id_.code_class,
        code_index=id_.code_index,
        start=id_.start,
        code_key=record.device.code_key,
        format=form,
        name=asked["name"],
        grant_id=None if grant is None else grant.grant_id,
        created=now,
    )
    with app[DATABASE].write():
        app[LOCKS].save(lock, replace(record, codes=(*record.codes, code)))
        app[AUDIT].append(
            "code.issue",
            request[PRINCIPAL].address,
            lock.address,
            detail={"class": id_.code_class, "code_id": code.code_id},
        )
        note(request, lock, "code.issue", code.code_id, asked)
    digits = key.digits(id_, CodeFormat.from_value(form))
    return answer(request, {"code_id": code.code_id, "code": digits, **_window(code)}, http=201)


def _grant(request: web.Request, lock: Lock, grant_id: str) -> Grant:
    """Return the grant that a code belongs to; a keypad knows none of its finer limits."""
    grant = grants.get(request.app[DATABASE], grant_id)
    if grant is None or grant.device_id != lock.id or grant.revoked is not None:
        raise RasError(Code.UNKNOWN, "There is no such grant")
    limits = (grant.schedule, grant.policy, grant.pin, grant.uses_max)
    limited = grant.second_person or any(each is not None for each in limits)
    if Right.UNLOCK not in Right(grant.rights) or limited:
        raise RasError(Code.NOT_PERMITTED, "A keypad cannot keep to the limits of this grant")
    return grant


def _tidied(record: Record, now: int) -> Record:
    """Return the record without codes that ended long ago, or whose key is gone as long."""
    codes = tuple(
        code
        for code in record.codes
        if (_end(_id(code)) or code.created) > now - _LISTED
        or (code.code_class == ONCE and code.code_key == record.device.code_key)
    )
    return replace(record, codes=codes)


def _once_id(record: Record) -> CodeId:
    """Return the next one-time code, or raise 2013: the lock looks at eight numbers only."""
    numbers = [code for code in _of_key(record) if code.code_class == ONCE]
    number = max((code.start for code in numbers), default=0) + 1
    base = min((code.start for code in numbers if not code.used), default=number)
    if number >= base + ONCE_WINDOW:
        raise RasError(Code.MEMORY_FULL, "Eight one-time codes are out: use or cancel the oldest")
    return CodeId(ONCE, 0, number)


def _timed_id(record: Record, asked: dict[str, Any], now: int) -> CodeId:
    """Return the code of a window that nobody has yet, or raise 2013."""
    length, at = WINDOW_SECONDS[asked["class"]], asked.get("at", now)
    start = at - at % (length // 2)
    if not now < start + length or start > now + _AHEAD:
        raise RasError(
            Code.MALFORMED, "The window is over, or too far away", errors=[("/at", "out of range")]
        )
    taken = {_id(code) for code in _of_key(record)}
    indexes = [asked["index"]] if "index" in asked else range(INDEXES)
    for index in indexes:
        if (id_ := CodeId(asked["class"], index, start)) not in taken:
            return id_
    raise RasError(Code.MEMORY_FULL, "The codes of this window are given out")


def _of_key(record: Record) -> list[KeypadCode]:
    return [code for code in record.codes if code.code_key == record.device.code_key]


def _id(code: KeypadCode) -> CodeId:
    return CodeId(code.code_class, code.code_index, code.start)


def _end(id_: CodeId) -> int | None:
    length = WINDOW_SECONDS[id_.code_class]
    return id_.start + length if length else None


def _ended(code: KeypadCode, now: int) -> bool:
    end = _end(_id(code))
    return end is not None and end <= now


def _window(code: KeypadCode) -> dict[str, int]:
    end = _end(_id(code))
    return {"number": code.start} if end is None else {"start": code.start, "end": end}


@allow(Kind.USER, Kind.GATEWAY)
async def show_all(request: web.Request) -> web.Response:
    """List the codes of a lock: what they stand for, not what they are."""
    lock, now = managed_lock(request), request.app[LOCKS].now
    record = _tidied(lock.record, now)
    items = [
        {
            "code_id": code.code_id,
            "class": code.code_class,
            "index": code.code_index,
            **_window(code),
            "name": code.name,
            "grant": code.grant_id,
            "created": code.created,
            "state": _state(record, code, now),
            "synced": bool(code.synced or not code.cancelled),
        }
        for code in record.codes
    ]
    return answer(request, {"items": items, "next": None})


def _state(record: Record, code: KeypadCode, now: int) -> str:
    """Return what became of a code; a dead one ended with the key or the format of its time."""
    if code.cancelled:
        return "cancelled"
    if code.used:
        return "used"
    if _ended(code, now):
        return "ended"
    try:
        same_format = code.format == code_format(record)
    except RasError:  # the format is changing
        same_format = False
    return "live" if code.code_key == record.device.code_key and same_format else "dead"


@allow(Kind.USER, Kind.GATEWAY, fresh=True)
@once()
async def cancel(request: web.Request) -> web.Response:
    """Cancel a code; it is dead when a gateway has told the lock."""
    app, lock, asked = request.app, managed_lock(request), body(request, _CANCEL)
    code_id = request.match_info["code_id"]
    if all(code.code_id != code_id for code in lock.record.codes):
        raise RasError(Code.UNKNOWN, "There is no such code")
    with app[DATABASE].write():
        cancel_codes(app, lock, frozenset({code_id}), request[PRINCIPAL].address)
        note(request, lock, "code.cancel", code_id, asked)
    return answer(request, http=202)


def cancel_codes(app: web.Application, lock: Lock, code_ids: frozenset[str], actor: str) -> None:
    """Cancel the codes of a lock that are named and could still be typed."""
    over = app[LOCKS].now - _LATE
    found = [
        code.code_id
        for code in lock.record.codes
        if code.code_id in code_ids and not (code.cancelled or code.used or _ended(code, over))
    ]
    codes = (
        replace(code, cancelled=1) if code.code_id in found else code for code in lock.record.codes
    )
    app[LOCKS].save(lock, replace(lock.record, codes=tuple(codes)))
    for code_id in found:
        app[AUDIT].append("code.cancel", actor, lock.address, detail={"code_id": code_id})
    if found:
        ask_delivery(app, lock)


def note_used(app: web.Application, lock: Lock, record: LockRecord) -> None:
    """Note from a record of the lock that a one-time code was used."""
    if record.method != Method.ONE_TIME_CODE:
        return
    device = lock.device
    codes = (
        replace(code, used=1)
        if code.code_class == ONCE
        and code.code_key == device.code_key
        and code.start % _ONE_BYTE == record.detail
        else code
        for code in lock.record.codes
    )
    app[LOCKS].save(lock, replace(lock.record, codes=tuple(codes)))


ROUTES: Final = (
    web.get("/v1/devices/{device_id}/codes", show_all),
    web.post("/v1/devices/{device_id}/codes", issue),
    web.delete("/v1/devices/{device_id}/codes/{code_id}", cancel),
)
