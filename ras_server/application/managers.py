"""The owner lets a gateway manage access, and withdraws it with all that it gave (section 6.3)."""

from typing import Final

from aiohttp import web

from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, allow
from ..store import grants, managers
from ..web import answer
from .access import named_gateway
from .audit import AUDIT
from .codes import cancel_codes
from .granting import end_each
from .locks import LOCKS


@allow(Kind.USER, fresh=True)
@once()
async def put(request: web.Request) -> web.Response:
    """Let a gateway of the caller manage who may use the caller's locks."""
    app, gateway_id = request.app, named_gateway(request).gateway_id
    managers.allow(app[DATABASE], gateway_id, app[LOCKS].now)
    _audit(request, "gateway.manage", gateway_id)
    return answer(request, {"manages": True})


@allow(Kind.USER, fresh=True)
@once()
async def delete(request: web.Request) -> web.Response:
    """Let a gateway manage access no more; the grants and codes that it gave end."""
    app, gateway_id = request.app, named_gateway(request).gateway_id
    with app[DATABASE].write():
        withdraw(app, gateway_id, request[PRINCIPAL].address)
    _audit(request, "gateway.manage_no_more", gateway_id)
    return answer(request, {"manages": False})


def withdraw(app: web.Application, gateway_id: str, actor: str) -> None:
    """End what a gateway gave, and its right to give."""
    given = managers.given(app[DATABASE], gateway_id)
    end_each(
        app,
        [grant for each, _ in given if (grant := grants.get(app[DATABASE], each)) is not None],
        actor,
    )
    code_ids = frozenset(each for each, _ in given)
    for device_id in {device_id for _, device_id in given}:
        if (lock := app[LOCKS].get(device_id)) is not None:
            cancel_codes(app, lock, code_ids, actor)
    managers.withdraw(app[DATABASE], gateway_id)


def _audit(request: web.Request, action: str, gateway_id: str) -> None:
    request.app[AUDIT].append(action, request[PRINCIPAL].address, f"gw:{gateway_id}")


ROUTES: Final = (
    web.put("/v1/gateways/{gateway_id}/manager", put),
    web.delete("/v1/gateways/{gateway_id}/manager", delete),
)
