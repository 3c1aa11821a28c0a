"""The keys of a maker's batch: devices that can be registered without scanning (section 5)."""

from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.keys import device_id_from_text

from .. import fields
from ..errors import Code, RasError
from ..keys import DATABASE
from ..paging import listing, page
from ..principal import Kind, allow
from ..store import devices as store
from ..store.devices import Device
from ..web import answer, body, large_body, schema
from .audit import AUDIT
from .custody import Custody, LabelKey
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
    """Take the keys of a batch, all or none: what is wrong with each item stands in the refusal.

    A device that is known with the same key is left as it is.
    """
    app, items = request.app, body(request, _IMPORT)["items"]
    custody, now = app[LOCKS].custody, app[LOCKS].now
    labels = {item["device_id"]: _label(custody, item) for item in items}
    problems = [
        (f"/items/{number}/{field}", text) for number, field, text in _problems(app, items, labels)
    ]
    if problems:
        raise RasError(Code.MALFORMED, "Nothing was imported", errors=problems)
    with app[DATABASE].write():
        imported = store.add_known(
            app[DATABASE],
            (
                Device(
                    device_id=device_id,
                    k_f=custody.seal_label(label),
                    state=State.KNOWN,
                    created=now,
                )
                for device_id, label in labels.items()
            ),
        )
        app[AUDIT].append(
            "device.import", "ras:admin", server_address(app), detail={"count": imported}
        )
    return answer(request, {"imported": imported, "known": len(items) - imported})


def _label(custody: Custody, item: dict[str, Any]) -> LabelKey:
    return custody.imported(device_id_from_text(item["device_id"]), item["k_f"])


def _problems(
    app: web.Application, items: list[dict[str, Any]], labels: dict[str, LabelKey]
) -> Iterator[tuple[int, str, str]]:
    """Yield number, field and text of everything that speaks against a batch; never a key."""
    custody = app[LOCKS].custody
    devices: dict[str, int] = {}
    keys: dict[bytes, int] = {}
    for number, item in enumerate(items):
        device_id, k_f = item["device_id"], item["k_f"]
        if (first := devices.setdefault(device_id, number)) != number:
            yield number, "device_id", f"the same device as item {first}"
            continue
        if len(set(k_f)) == 1:
            yield number, "k_f", "not a random key"
        elif (first := keys.setdefault(k_f, number)) != number:
            yield number, "k_f", f"the same key as item {first}"
        sealed = store.label_of(app[DATABASE], device_id)
        if sealed is not None:
            known = custody.open_label(device_id_from_text(device_id), sealed)
            if not known.equals(labels[device_id]):
                yield number, "k_f", "the device is known with another key"


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
