"""The audit as its readers see it (project profile, section 8)."""

from typing import Final

from aiohttp import web
import orjson
import probatio

from .. import fields
from ..errors import Code, RasError
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, allow
from ..store import audit as store
from ..web import answer, body, schema
from .audit import AUDIT

_LIMIT: Final = 200
_DIGITS: Final = 15
_NUMBER: Final = fields.integer(0, 2**53)
_VERIFY: Final = schema(
    {
        probatio.Optional("from"): schema(
            {
                probatio.Required("n"): _NUMBER,
                probatio.Required("hash"): fields.hexadecimal(32, 32),
            }
        ),
        probatio.Optional("to"): _NUMBER,
    }
)


@allow(Kind.USER, Kind.ADMIN)
async def show(request: web.Request) -> web.Response:
    """List entries with their hashes: a user sees what he did and what concerns his devices."""
    after, principal = request.query.get("after", "0"), request[PRINCIPAL]
    if not after.isascii() or not after.isdigit() or len(after) > _DIGITS:
        raise RasError(Code.MALFORMED, "after must be a number", errors=[("/after", "a number")])
    visible_to = None if principal.kind is Kind.ADMIN else principal.user_id
    rows = store.after(request.app[DATABASE], int(after), _LIMIT + 1, visible_to)
    items = [{"entry": orjson.loads(row.entry), "hash": row.hash.hex()} for row in rows[:_LIMIT]]
    return answer(
        request, {"items": items, "next": rows[_LIMIT - 1].n if len(rows) > _LIMIT else None}
    )


@allow(Kind.USER, Kind.GATEWAY, Kind.ADMIN)
async def head(request: web.Request) -> web.Response:
    """Show the newest entry's number and hash."""
    return answer(request, request.app[AUDIT].head.to_json())


@allow(Kind.USER, Kind.GATEWAY)
async def verify(request: web.Request) -> web.Response:
    """Check the chain from an entry that the caller trusts."""
    return _verified(request)


@allow(Kind.ADMIN)
async def verify_here(request: web.Request) -> web.Response:
    """Check the chain for the administrator of this machine."""
    return _verified(request)


def _verified(request: web.Request) -> web.Response:
    asked = body(request, _VERIFY)
    audit = request.app[AUDIT]
    if (trusted := asked.get("from")) is None:
        bad = audit.verify(to=asked.get("to"))
    else:
        bad = audit.verify(after=trusted["n"], previous=trusted["hash"], to=asked.get("to"))
    return answer(request, {"ok": bad is None, "first_bad": bad})


ROUTES: Final = (
    web.get("/v1/audit", show),
    web.get("/v1/audit/head", head),
    web.post("/v1/audit/verify", verify),
    web.post("/v1/admin/audit/verify", verify_here),
)
