"""Actions that ask a lock, or what is known of it: what it can do, its log, its last operation."""

from typing import Any, Final

from homeassistant.components import bluetooth
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
import probatio

from .action_times import iso
from .actions_codes import Kind
from .actions_users import CREDENTIAL_TYPES, PIN_LENGTHS, RIGHTS
from .coordinator import IgrsCoordinator
from .igrs_codec.bsld.admin import ROWS
from .igrs_codec.bsld.codes import ONCE_WINDOW
from .igrs_codec.bsld.frame import Capability
from .timeline import Stage, Timeline
from .voice import async_said

ATTR_COUNT: Final = "count"
MOST_RECORDS: Final = 256  # that a lock keeps at least

RECORDS: Final = {
    probatio.Optional(ATTR_COUNT, default=20): probatio.All(
        probatio.Coerce(int), probatio.Range(min=1, max=MOST_RECORDS)
    )
}


async def async_get_info(lock: IgrsCoordinator, _: ServiceCall) -> ServiceResponse:
    """Return what a lock can do; what it has not said yet is None."""
    version = lock.memory.version

    def can(capability: Capability) -> bool | None:
        return None if version is None else capability in version.capabilities

    keypad = can(Capability.KEYPAD)
    return {
        "supports_user_management": True,
        "supported_credential_types": list(CREDENTIAL_TYPES),
        "max_users": ROWS - 1,
        "min_pin_length": PIN_LENGTHS[0],
        "max_pin_length": PIN_LENGTHS[1],
        "rights": list(RIGHTS),
        "code_kinds": list(Kind) if keypad else [],
        "max_one_time_codes": ONCE_WINDOW if keypad else 0,
        "supports_keypad": keypad,
        "supports_open": can(Capability.OPEN),
        "supports_door_sensor": can(Capability.DOOR_SENSOR),
        "supports_auto_relock": can(Capability.AUTO_RELOCK),
        "firmware": None if version is None else version.firmware,
        "model": None if version is None else f"{version.model:04X}",
        "hardware": None if version is None else version.hardware,
    }


async def async_get_records(lock: IgrsCoordinator, call: ServiceCall) -> ServiceResponse:
    """Connect and return the newest records of a lock's log, the oldest of them first."""
    accesses = await lock.learner.async_read(call.data[ATTR_COUNT])
    return {"records": [{"event_type": each.what, **each.attributes} for each in accesses]}


async def async_explain(lock: IgrsCoordinator, _: ServiceCall) -> ServiceResponse:
    """Return why the newest operation from here took as long as it did, or failed."""
    timeline = lock.timeline
    return {
        "last_operation": None if timeline is None else await _async_told(lock.hass, timeline),
        "lock": {
            "available": lock.last_update_success,
            "heard_by": [*_heard_by(lock.hass, lock.address)],
            "reachability": bluetooth.async_address_reachability_diagnostics(
                lock.hass, lock.address, bluetooth.BluetoothReachabilityIntent.CONNECTION
            ),
        },
        "server_connected": lock.online,
    }


async def _async_told(hass: HomeAssistant, timeline: Timeline) -> dict[str, Any]:
    error, last = timeline.error, timeline.began
    stages = []
    for stage, at in timeline.stages:
        stages.append({"stage": stage.value, "ms": round((at - last) * 1000)})
        last = at
    if timeline.ended is not None and error is not None:  # in what came next
        stages.append({"stage": "failed", "ms": round((timeline.ended - last) * 1000)})
    passed = {stage for stage, _ in timeline.stages}
    return {
        "operation": timeline.operation.name.lower(),
        "at": iso(int(timeline.at)),
        "user": timeline.asker.user,
        "automation": timeline.asker.name,
        "method": timeline.asker.how,
        "result": _result(timeline),
        "reason": None if error is None else error.reason.value,
        "reason_text": None
        if error is None
        else await async_said(hass, error, hass.config.language),
        "duration_ms": None
        if timeline.ended is None
        else round((timeline.ended - timeline.began) * 1000),
        "path": "server" if Stage.CARRIED in passed else "bluetooth",
        "new_connection": Stage.CONNECTED in passed,
        "stages": stages,
        "slowest": max(stages, key=lambda each: each["ms"], default={"stage": None})["stage"],
    }


def _result(timeline: Timeline) -> str:
    if timeline.ended is None:
        return "under_way"
    return "done" if timeline.error is None else "failed"


def _heard_by(hass: HomeAssistant, address: str) -> list[dict[str, Any]]:
    """Return the adapters and proxies that hear a lock, the best first."""
    found = bluetooth.async_scanner_devices_by_address(hass, address, connectable=True)
    heard = []
    for device in sorted(found, key=lambda each: -each.advertisement.rssi):
        slots = device.scanner.get_allocations()
        heard.append(
            {
                "adapter": device.scanner.name,
                "rssi": device.advertisement.rssi,
                "free_connections": None if slots is None else slots.free,
            }
        )
    return heard
