"""The configuration of a lock: what its owner wants, and what the lock says (section 5)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.admin_values import Parameter
from igrs_codec.bsld.codes import DEFAULT_FORMAT, CodeFormat
from igrs_codec.errors import CodeFormatError

from .. import fields
from ..errors import Code, RasError
from ..keys import PRINCIPAL
from ..principal import Kind, allow
from ..store.devices import ConfigValue, Record
from ..web import answer, body, schema
from .access import in_household, own_gateway, own_lock, visible_lock
from .audit import AUDIT
from .locks import LOCKS, Lock
from .notices import ask_delivery

_WITHOUT_CLOCK: Final = 1
_KEYPAD_OFF: Final = 2

_CODE_FORMAT: Final = schema(
    {
        probatio.Required("length"): fields.integer(8, 16),
        probatio.Required("base"): fields.integer(4, 10),
        probatio.Required("first"): fields.integer(0, 1),
    }
)
_CHANGE: Final = schema(
    {
        probatio.Required("rev"): fields.integer(1, 2**53),
        probatio.Optional("auto_relock_s"): fields.integer(0, 3600),
        probatio.Optional("relock_needs_door"): bool,
        probatio.Optional("adv_interval_ms"): fields.integer(100, 2000),
        probatio.Optional("owner_without_clock"): bool,
        probatio.Optional("keypad_off"): bool,
        probatio.Optional("code_format"): _CODE_FORMAT,
        probatio.Optional("clear_alarm"): True,
    }
)

_OF_GATEWAYS: Final = frozenset({"rev", "auto_relock_s", "relock_needs_door"})
"""What a gateway of the household may change."""


def _format(value: int) -> dict[str, int]:
    form = CodeFormat.from_value(value)
    return {"length": form.length, "base": form.base, "first": form.first}


_SHOWN: Final[Mapping[int, Callable[[int], dict[str, Any]]]] = MappingProxyType(
    {
        Parameter.AUTO_RELOCK: lambda value: {"auto_relock_s": value},
        Parameter.RELOCK_NEEDS_DOOR: lambda value: {"relock_needs_door": bool(value)},
        Parameter.ADVERT_INTERVAL: lambda value: {"adv_interval_ms": value},
        Parameter.FLAGS: lambda value: {
            "owner_without_clock": bool(value & _WITHOUT_CLOCK),
            "keypad_off": bool(value & _KEYPAD_OFF),
        },
        Parameter.CODE_FORMAT: lambda value: {"code_format": _format(value)},
    }
)
"""What the value of a parameter (u32) is in the interface."""


def code_format(record: Record) -> int:
    """Return how codes are typed at the lock (parameter 5), or raise 2006 while that changes."""
    known = _known(record, Parameter.CODE_FORMAT)
    if known is None:
        return DEFAULT_FORMAT.to_value()
    if not known.synced:
        raise RasError(Code.BUSY, "The lock is told another code format first")
    return known.wanted if known.reported is None else known.reported


def _known(record: Record, parameter: Parameter) -> ConfigValue | None:
    return next((each for each in record.config if each.parameter == parameter), None)


def _values(record: Record, asked: dict[str, Any]) -> dict[Parameter, int]:
    """Return the parameters that a request sets."""
    values: dict[Parameter, int] = {}
    for name, parameter in (
        ("auto_relock_s", Parameter.AUTO_RELOCK),
        ("relock_needs_door", Parameter.RELOCK_NEEDS_DOOR),
        ("adv_interval_ms", Parameter.ADVERT_INTERVAL),
    ):
        if name in asked:
            values[parameter] = int(asked[name])
    if "owner_without_clock" in asked or "keypad_off" in asked:
        known = _known(record, Parameter.FLAGS)
        flags = 0 if known is None else known.wanted
        for name, bit in (("owner_without_clock", _WITHOUT_CLOCK), ("keypad_off", _KEYPAD_OFF)):
            if name in asked:
                flags = flags | bit if asked[name] else flags & ~bit
        values[Parameter.FLAGS] = flags
    if "code_format" in asked:
        try:
            values[Parameter.CODE_FORMAT] = CodeFormat(**asked["code_format"]).to_value()
        except CodeFormatError as err:
            raise RasError(
                Code.MALFORMED, "The code format is weak", errors=[("/code_format", str(err))]
            ) from None
    if "clear_alarm" in asked:
        values[Parameter.CLEAR_ALARM] = 0
    return values


def _json(record: Record) -> dict[str, Any]:
    desired: dict[str, Any] = {}
    reported: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for each in record.config:
        if (shown := _SHOWN.get(each.parameter)) is None:
            continue
        desired |= shown(each.wanted)
        if each.reported is not None:
            reported |= shown(each.reported)
        if each.synced and each.code:
            refused |= dict.fromkeys(shown(each.wanted), each.code)
    return {
        "desired": desired,
        "reported": reported,
        "refused": refused,
        "synced": all(each.synced for each in record.config),
        "rev": record.device.rev,
    }


def _lock(request: web.Request) -> Lock:
    """Return the lock of the path for its owner, or a gateway of its household; else raise 3001."""
    principal = request[PRINCIPAL]
    if principal.kind is Kind.USER:
        return own_lock(request)
    lock, _ = visible_lock(request)
    if not in_household(request.app, lock, own_gateway(request, principal.gateway_id)):
        raise RasError(Code.NOT_PERMITTED, "Only the household may do this")
    return lock


@allow(Kind.USER, Kind.GATEWAY)
async def show(request: web.Request) -> web.Response:
    """Show what is wanted of a lock, and what it said is in force."""
    return answer(request, _json(_lock(request).record))


@allow(Kind.USER, Kind.GATEWAY)
async def change(request: web.Request) -> web.Response:
    """Want other values; a gateway delivers them."""
    app, lock, asked = request.app, _lock(request), body(request, _CHANGE)
    if request[PRINCIPAL].kind is Kind.GATEWAY and set(asked) - _OF_GATEWAYS:
        raise RasError(Code.NOT_PERMITTED, "A gateway may set the auto-relock only")
    record = lock.record
    if asked["rev"] != record.device.rev:
        raise RasError(Code.CHANGED, "The device was changed in the meantime")
    values = _values(record, asked)
    if not values:
        raise RasError(Code.MALFORMED, "Nothing is to be changed")
    kept = tuple(each for each in record.config if each.parameter not in values)
    wanted = (_wanted(record, parameter, value) for parameter, value in values.items())
    record = replace(
        record,
        config=(*kept, *wanted),
        device=replace(record.device, rev=record.device.rev + 1),
    )
    app[LOCKS].save(lock, record)
    app[AUDIT].append(
        "device.config",
        request[PRINCIPAL].address,
        lock.address,
        detail={parameter.name.lower(): value for parameter, value in values.items()},
    )
    ask_delivery(app, lock)
    return answer(request, _json(record), http=202)


def _wanted(record: Record, parameter: Parameter, value: int) -> ConfigValue:
    known = _known(record, parameter)
    return ConfigValue(
        device_id=record.device.device_id,
        parameter=parameter,
        wanted=value,
        reported=None if known is None else known.reported,
    )


ROUTES: Final = (
    web.get("/v1/devices/{device_id}/config", show),
    web.put("/v1/devices/{device_id}/config", change),
)
