"""The keys of a maker's batch: devices that can be registered without scanning (section 5)."""

from typing import Final

from aiohttp import web
import probatio

from igrs_codec.bsld.keys import device_id_from_text

from .. import fields
from ..keys import DATABASE
from ..paging import listing, page
from ..principal import Kind, allow
from ..store import devices as store
from ..store.devices import Device
from ..web import answer, body, large_body, schema
from .audit import AUDIT
from .locks import LOCKS
from .notices import server_address
from .ownership import State

_IMPORT: Final = schema(
    {
        probatio.Required("items"): [
            schema(
                {
                    probatio.Required("device_id"): fields.device_id,
                    probatio.Required("k_f"): fields.hexadecimal(16, 16),
                }
            )
        ]
    }
)


@allow(Kind.ADMIN)
@large_body
async def import_devices(request: web.Request) -> web.Response:
    """Take the keys of devices that are not known yet; known ones are left as they are."""
    app, items = request.app, body(request, _IMPORT)["items"]
    custody, now = app[LOCKS].custody, app[LOCKS].now
    with app[DATABASE].write():
        imported = store.add_known(
            app[DATABASE],
            (
                Device(
                    device_id=item["device_id"],
                    k_f=custody.seal_label(
                        custody.imported(device_id_from_text(item["device_id"]), item["k_f"])
                    ),
                    state=State.KNOWN,
                    created=now,
                )
                for item in items
            ),
        )
        app[AUDIT].append(
            "device.import", "ras:admin", server_address(app), detail={"count": imported}
        )
    return answer(request, {"imported": imported, "known": len(items) - imported})


@allow(Kind.ADMIN)
async def show_all(request: web.Request) -> web.Response:
    """List all devices with their owners."""
    asked = page(request)
    found = store.every(request.app[DATABASE], asked.after, asked.limit + 1)
    return listing(
        request,
        asked,
        found,
        lambda row: (row[3], row[0]),
        lambda row: {"device_id": row[0], "state": row[1], "owner": row[2] or None},
    )


ROUTES: Final = (
    web.get("/v1/admin/devices", show_all),
    web.post("/v1/admin/devices/import", import_devices),
)
