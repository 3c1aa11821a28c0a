"""Actions about the server's audit: what it says of a lock, and whether it is whole (API 7)."""

from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse
import probatio

from . import access_ras
from .action_targets import gateway_of
from .coordinator import IgrsCoordinator

ATTR_AFTER: Final = "after"
ATTR_LIMIT: Final = "limit"
MOST_ENTRIES: Final = 10_000

EXPORT: Final = {
    probatio.Optional(ATTR_AFTER, default=0): probatio.All(
        probatio.Coerce(int), probatio.Range(min=0)
    ),
    probatio.Optional(ATTR_LIMIT, default=1000): probatio.All(
        probatio.Coerce(int), probatio.Range(min=1, max=MOST_ENTRIES)
    ),
}


async def async_export(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Return what the audit says of a lock, as the server hashed it; after leads to more."""
    after, limit = call.data[ATTR_AFTER], call.data[ATTR_LIMIT]
    entries = await access_ras.async_audit(gateway_of(lock).ras, lock.device_id, after, limit)
    more = len(entries) == limit
    return {
        "entries": [dict(entry) for entry in entries],
        "after": entries[-1]["entry"]["n"] if more else None,
    }


async def async_verify(lock: IgrsCoordinator, _: ServiceCall) -> ServiceResponse:
    """Have the audit checked: its chain, and that it goes on from what was witnessed here."""
    gateway = gateway_of(lock)
    witnessed = gateway.memory.audit_head
    chain = await access_ras.async_check_audit(gateway.ras, None)
    since = None
    if witnessed is not None:
        since = await access_ras.async_check_audit(gateway.ras, witnessed)
    return {
        "ok": chain.ok and (since is None or since.ok),
        "checked_to": chain.to,
        "first_bad": chain.first_bad,
        "kind": chain.kind,
        "witnessed": None if witnessed is None else witnessed[0],
        "agrees_with_witness": None if since is None else since.ok,
    }
