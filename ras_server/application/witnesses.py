"""The witnesses of one operation: server, gateway and lock, joined by its id (section 8).

The server writes its decision, the gateway that took the operation gives a receipt, the lock
answers with a key that only it and the server have, and keeps a record that any gateway brings
later. Each is an entry of the audit with the operation's id in its detail.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from aiohttp import web
import orjson

from igrs_codec.bsld.frame import Event

from ..errors import Code, RasError
from ..keys import PRINCIPAL
from ..principal import Kind, allow
from ..store.audit import AuditRow
from ..store.records import LockRecord
from ..web import answer
from .audit import AUDIT

_KEPT: Final = 30 * 86400
"""Seconds after an answer in which the record of it is expected."""

EVENT_OF: Final = {"lock": Event.LOCK, "unlock": Event.UNLOCK, "open": Event.OPEN}
"""The record that the lock makes of a command."""


class Verdict(StrEnum):
    """What the witnesses say together."""

    REFUSED = "refused"
    """The server refused, and nobody tells of anything else."""
    OPEN = "open"
    """Somebody has not spoken yet."""
    FAILED = "failed"
    """The lock answered that it did not do it."""
    COMPLETE = "complete"
    """All three tell the same."""
    CONTRADICTION = "contradiction"
    """Something was done that was not decided, or by another gateway, or something else."""


def operation_of(app: web.Application, device: str, record: LockRecord) -> str | None:
    """Return the operation that a record of a lock tells of, if there is one.

    It is the first one whose answer named this record as the newest, if person and event are the
    same; who asked the lock later was told of it too.
    """
    index = app[AUDIT].index
    number, since = record.number % 0x10000, record.stored - _KEPT
    for row in index.answers_with(device, number, since):
        told = orjson.loads(row.entry)["detail"]
        operation = told.get("operation")
        if operation is None or told.get("uid", record.uid) != record.uid:
            continue
        command = _join(index.of_operation(operation))["command"]
        if EVENT_OF.get(command or "") == record.event:
            return str(operation)
    return None


def asker_of(app: web.Application, operation: str) -> tuple[str | None, str | None]:
    """Return who asked for an operation (a typed address), and the gateway that did it."""
    told = _join(app[AUDIT].index.of_operation(operation))
    decision, answered = told["decision"], told["answer"]
    return (
        None if decision is None else decision["actor"],
        None if answered is None else answered["gateway"],
    )


def joined(operation: str, rows: Iterable[AuditRow]) -> dict[str, Any]:
    """Return what each witness says of an operation, and the verdict."""
    told = _join(rows)
    return {"operation": operation, **told, "verdict": _verdict(told)}


def _join(rows: Iterable[AuditRow]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "device_id": None,
        "command": None,
        "decision": None,
        "receipts": [],
        "answer": None,
        "record": None,
    }
    for row in rows:
        entry = orjson.loads(row.entry)
        action, detail = entry["action"], entry["detail"]
        said = {"n": entry["n"], "ts": entry["ts"]}
        told["device_id"] = entry["object"].removeprefix("dev:")
        if action.startswith("access."):
            told["command"] = action.removeprefix("access.")
            told["decision"] = said | {"actor": entry["actor"], "result": entry["result"]}
        elif action == "operation.receipt":
            told["receipts"].append(said | {"gateway": entry["actor"].removeprefix("gw:")})
        elif action == "lock.answer":
            told["answer"] = said | {"gateway": detail["gateway"], "result": entry["result"]}
        elif action == "log.record":
            names = ("record", "uid", "event")
            gateway = entry["actor"].removeprefix("gw:")
            told["record"] = said | {"gateway": gateway} | {name: detail[name] for name in names}
    return told


def _verdict(told: dict[str, Any]) -> Verdict:
    decision, answered, record = told["decision"], told["answer"], told["record"]
    carriers = {each["gateway"] for each in told["receipts"]}
    if decision is None or decision["result"]:
        done = carriers or answered is not None or record is not None
        return Verdict.CONTRADICTION if done else Verdict.REFUSED
    if answered is not None and answered["gateway"] not in carriers:
        return Verdict.CONTRADICTION
    if record is not None:
        if not carriers or record["event"] != EVENT_OF.get(told["command"]):
            return Verdict.CONTRADICTION
        return Verdict.COMPLETE
    if answered is not None and answered["result"]:
        return Verdict.FAILED
    return Verdict.OPEN


@allow(Kind.USER, Kind.ADMIN)
async def show(request: web.Request) -> web.Response:
    """Show the witnesses of an operation to who asked for it, and to the owner of the lock."""
    operation, index = request.match_info["operation_id"], request.app[AUDIT].index
    rows = index.of_operation(operation)
    principal = request[PRINCIPAL]
    if principal.kind is not Kind.ADMIN:
        seen = {view.address for view in index.views_of(principal.user_id)}
        entries = [orjson.loads(row.entry) for row in rows]
        if not any(seen & {it["actor"], it["object"]} for it in entries):
            rows = []
    if not rows:
        raise RasError(Code.UNKNOWN, "There is no such operation")
    return answer(request, joined(operation, rows))


ROUTES: Final = (web.get("/v1/operations/{operation_id}/witnesses", show),)
