"""What the device registry shows of a lock, as the lock has said it of itself."""

from typing import TypedDict

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .igrs_codec.bsld.values import Version


class Described(TypedDict):
    """The model and its versions; None before the lock has told them."""

    model_id: str | None
    hw_version: str | None
    sw_version: str | None


def described(version: Version | None) -> Described:
    """Return what a version answer says."""
    return Described(
        model_id=None if version is None else f"{version.model:04X}",
        hw_version=None if version is None else str(version.hardware),
        sw_version=None if version is None else version.firmware,
    )


@callback
def async_describe(
    hass: HomeAssistant, entry_id: str, device_id: str, version: Version | None
) -> None:
    """Have the registry show what the lock says now."""
    registry = dr.async_get(hass)
    device = registry.async_get_device_by_identifier((DOMAIN, device_id), entry_id)
    if device is not None:
        registry.async_update_device(device.id, **described(version))
