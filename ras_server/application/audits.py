"""The audit as its readers see it (project profile, section 8)."""

from asyncio import Lock
from collections.abc import Callable
import csv
from io import StringIO
from pathlib import Path
from typing import Any, Final

from aiohttp import web
import orjson
import probatio

from .. import fields
from ..errors import Code, RasError
from ..keys import DATABASE, PRINCIPAL, SERVER_ID
from ..paging import number
from ..principal import Kind, allow
from ..store import audit as store
from ..store.audit import AuditRow
from ..store.audit_index import View
from ..web import answer, body, long_lived, schema, sign
from .audit import AUDIT
from .audit_check import Verdict, authentic, verify
from .checkpoints import CHECKPOINTS, Checkpoints

_LIMIT: Final = 200
_NUMBERS: Final = range(10**16)
"""What may be asked for as the number of an entry."""
_MOST: Final = 50_000
"""Entries that a user has checked at once."""
_NUMBER: Final = fields.integer(0, 2**53)
_FROM: Final = schema(
    {
        probatio.Required("n"): _NUMBER,
        probatio.Required("hash"): fields.hexadecimal(32, 32),
    }
)
_VERIFY: Final = schema({probatio.Optional("from"): _FROM, probatio.Optional("to"): _NUMBER})
_VERIFY_HERE: Final = schema({probatio.Optional("checkpoints"): fields.text(1000)})


def _views(request: web.Request) -> list[View] | None:
    """Return what the caller may see: what he did, and what concerns him, his devices, gateways.

    Of a device he sees what was since it is his. A gateway sees what concerns the devices of its
    owner, the administrator all; `?device=` leaves one device.
    """
    principal, index = request[PRINCIPAL], request.app[AUDIT].index
    device = request.query.get("device")
    if principal.kind is Kind.ADMIN:
        return None if device is None else [View(f"dev:{device}")]
    views = index.views_of(principal.user_id)
    if device is not None:
        return [view for view in views if view.address == f"dev:{device}"]
    if principal.kind is Kind.GATEWAY:
        return [view for view in views if view.address.startswith("dev:")]
    return views


def _page(
    app: web.Application, views: list[View] | None, start: int, limit: int, *, newest_first: bool
) -> list[AuditRow]:
    """Return the entries of views, or of all, after a number or before it the newest first."""
    if views is None:
        return store.page(app[DATABASE], start, limit, newest_first=newest_first)
    return app[AUDIT].index.page(views, start, limit, newest_first=newest_first)


@allow(Kind.USER, Kind.GATEWAY, Kind.ADMIN)
async def show(request: web.Request) -> web.Response:
    """List entries with their hashes, from a number on, or down from a number."""
    newest_first = "before" in request.query
    start = number(request, "before" if newest_first else "after", _NUMBERS, default=0)
    rows = _page(request.app, _views(request), start, _LIMIT + 1, newest_first=newest_first)
    items = [{"entry": orjson.loads(row.entry), "hash": row.hash.hex()} for row in rows[:_LIMIT]]
    return answer(
        request, {"items": items, "next": rows[_LIMIT - 1].n if len(rows) > _LIMIT else None}
    )


@allow(Kind.USER, Kind.GATEWAY, Kind.ADMIN)
async def head(request: web.Request) -> web.Response:
    """Show the newest entry's number and hash, and the newest one that was signed."""
    app = request.app
    return answer(request, app[AUDIT].head.to_json() | app[CHECKPOINTS].to_json())


@allow(Kind.USER, Kind.GATEWAY)
async def check(request: web.Request) -> web.Response:
    """Check the chain from an entry that the caller trusts; one caller after the other."""
    asked, turn = body(request, _VERIFY), request.app[TURN]
    trusted = asked.get("from", {"n": 0, "hash": bytes(32)})
    to = min(asked.get("to", request.app[AUDIT].head.n), trusted["n"] + _MOST)
    if turn.locked():
        raise RasError(Code.RATE_LIMITED, "Another check is under way", retry_after=1)
    async with turn:
        verdict = await verify(
            request.app[DATABASE], after=trusted["n"], previous=trusted["hash"], to=to
        )
    return answer(request, verdict.to_json())


@allow(Kind.ADMIN)
@long_lived
async def check_here(request: web.Request) -> web.Response:
    """Check the whole chain and all checkpoints, of the folder or of a copy kept elsewhere."""
    app, asked = request.app, body(request, _VERIFY_HERE)
    checkpoints = app[CHECKPOINTS]
    path = Path(asked["checkpoints"]) if "checkpoints" in asked else checkpoints.path
    try:
        found, unsigned = authentic(Checkpoints.lines(path), checkpoints.public, app[SERVER_ID])
    except OSError as err:
        raise RasError(Code.MALFORMED, f"{path}: {err.strerror}") from None
    verdict = await verify(app[DATABASE], checkpoints=found)
    if verdict.finding is None and unsigned is not None:
        verdict = Verdict(unsigned, verdict.to, verdict.checkpoints)
    return answer(request, verdict.to_json())


@allow(Kind.USER, Kind.ADMIN)
@long_lived
async def export(request: web.Request) -> web.StreamResponse:
    """Send all entries that the caller may see, as JSON lines or as a table."""
    name = request.query.get("format", "jsonl")
    if (form := _FORMS.get(name)) is None:
        raise RasError(
            Code.MALFORMED, "format is jsonl or csv", errors=[("/format", "jsonl or csv")]
        )
    start, views = number(request, "after", _NUMBERS, default=0), _views(request)
    kind, line = form
    response = web.StreamResponse(
        headers={
            "Content-Type": kind,
            "Content-Disposition": f'attachment; filename="audit.{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
    )
    sign(request.app, response)
    await response.prepare(request)
    if name == "csv":
        await response.write(_row(_COLUMNS))
    while rows := _page(request.app, views, start, _LIMIT, newest_first=False):
        await response.write(b"".join(map(line, rows)))
        start = rows[-1].n
    await response.write_eof()
    return response


_COLUMNS: Final = ("n", "ts", "node", "action", "actor", "object", "result", "detail", "hash")


def _json_line(row: AuditRow) -> bytes:
    """Return a line that keeps the canonical text of the entry, so that its hash can be checked."""
    return f'{{"entry":{row.entry},"hash":"{row.hash.hex()}"}}\n'.encode()


def _csv_line(row: AuditRow) -> bytes:
    entry: dict[str, Any] = orjson.loads(row.entry)
    detail = orjson.dumps(entry["detail"], option=orjson.OPT_SORT_KEYS).decode()
    return _row([entry[name] for name in _COLUMNS[:-2]] + [detail, row.hash.hex()])


def _row(cells: list[Any] | tuple[str, ...]) -> bytes:
    text = StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


_FORMS: Final[dict[str, tuple[str, Callable[[AuditRow], bytes]]]] = {
    "jsonl": ("application/jsonl", _json_line),
    "csv": ("text/csv; charset=utf-8", _csv_line),
}

TURN: Final = web.AppKey("turn", Lock)
"""Whose turn it is to have the chain checked."""

ROUTES: Final = (
    web.get("/v1/audit", show),
    web.get("/v1/audit/head", head),
    web.get("/v1/audit/export", export),
    web.post("/v1/audit/verify", check),
    web.post("/v1/admin/audit/verify", check_here),
)
