"""Locks in sight and how they come into a home (project profile, protocol 10 and 11).

An unowned lock is registered with the RAS (Figures 10 and 11). A lock that already belongs to
the account, because Home Assistant was set up anew, is adopted as it is. Another one stays out.
"""

from dataclasses import dataclass
import time
from typing import TYPE_CHECKING, Self

from homeassistant.components import bluetooth
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .answers import Sighting
from .const import CONF_DEVICE_ID, DOMAIN
from .igrs_codec.bsld.advert import SERVICE_UUID, generation
from .igrs_codec.bsld.keys import device_id_from_text, device_id_to_text
from .igrs_codec.bsld.label import parse_qr, parse_setup_code, setup_code
from .igrs_codec.errors import FormatError, SetupCodeError
from .ras import GatewayClient
from .ras_errors import Code, RasRefusedError, RasUnreachableError
from .registration import async_register

if TYPE_CHECKING:
    from .gateway import IgrsConfigEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLock:
    """A lock that was heard; its advertiser address is its device id."""

    device: bytes
    address: str
    rssi: int
    service_data: bytes

    @classmethod
    def from_advert(cls, info: bluetooth.BluetoothServiceInfoBleak) -> Self | None:
        """Return the lock that sent an advert, None if it is not from a lock."""
        try:
            service_data = info.service_data[SERVICE_UUID]
            generation(service_data)
            device = device_id_from_text(info.address)
        except KeyError, FormatError:
            return None
        return cls(device=device, address=info.address, rssi=info.rssi, service_data=service_data)

    @property
    def device_id(self) -> str:
        """Return the device id as the RAS writes it: 12 hexadecimal characters."""
        return device_id_to_text(self.device)

    @property
    def name(self) -> str:
        """Return what the lock is called before somebody names it."""
        return f"Lock {self.device_id[-4:]}"

    @property
    def owned(self) -> bool:
        """Return whether the lock says that it has an owner."""
        return generation(self.service_data) != 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLock:
    """A lock of this home that Home Assistant does not show yet."""

    device_id: str
    title: str

    @property
    def data(self) -> dict[str, str]:
        """Return the data of its config subentry."""
        return {CONF_DEVICE_ID: self.device_id}


@callback
def is_configured(hass: HomeAssistant, device_id: str) -> bool:
    """Return whether a home of this Home Assistant has the lock."""
    return any(
        subentry.unique_id == device_id
        for entry in hass.config_entries.async_entries(DOMAIN)
        for subentry in entry.subentries.values()
    )


@callback
def found_locks(hass: HomeAssistant) -> list[FoundLock]:
    """Return the locks in sight that no home has, by device id."""
    adverts = bluetooth.async_discovered_service_info(hass, connectable=True)
    found = filter(None, map(FoundLock.from_advert, adverts))
    return sorted(
        (lock for lock in found if not is_configured(hass, lock.device_id)),
        key=lambda lock: lock.device_id,
    )


@callback
def _latest(hass: HomeAssistant, lock: FoundLock) -> FoundLock:
    """Return the lock as it was heard last: its pairing window may have opened since."""
    advert = bluetooth.async_last_service_info(hass, lock.address, connectable=True)
    return lock if advert is None else FoundLock.from_advert(advert) or lock


async def async_sighting(ras: GatewayClient, lock: FoundLock) -> Sighting | None:
    """Return what the RAS knows about the lock; None if it is none of our business."""
    seen = await ras.sightings(
        [
            {
                "device_id": lock.device_id,
                "rssi": lock.rssi,
                "service_data": lock.service_data.hex(),
                "at": int(time.time()),
            }
        ]
    )
    return next((item for item in seen if item.device_id == lock.device_id), None)


def _canonical_setup_code(lock: FoundLock, text: str) -> str | None:
    """Return the setup code in what was typed or scanned, or raise SetupCodeError.

    Nothing typed is None: the maker may have told the RAS.
    """
    if not text.strip():
        return None
    if ":" not in text:
        return setup_code(lock.device, parse_setup_code(lock.device, text))
    device, k_f = parse_qr(text)
    if device != lock.device:
        raise SetupCodeError("the code of another lock")
    return setup_code(device, k_f)


async def async_take(
    hass: HomeAssistant, entry: IgrsConfigEntry, found: FoundLock, typed: str
) -> NewLock:
    """Register the lock, or adopt it if it is already ours.

    typed is what was typed or scanned as its setup code, if anything. A home that is unloaded
    meanwhile has the lock all the same: its tickets are fetched with the next start. Raises
    SetupCodeError, LockError or RasError.
    """
    if entry.state is not ConfigEntryState.LOADED:  # a form may stay open for long
        raise RasUnreachableError
    gateway = entry.runtime_data
    ras = gateway.ras
    lock = _latest(hass, found)
    code = _canonical_setup_code(lock, typed)
    if lock.owned:
        return await _async_adopt(ras, lock)
    verdict = await ras.authenticate_device(lock.device_id, lock.service_data, setup_code=code)
    if not verdict.claimable:
        raise RasRefusedError(Code.WINDOW_CLOSED)
    if verdict.needs:
        raise RasRefusedError(Code.NOT_LEGITIMATE)
    registration = await async_register(
        hass,
        ras,
        lock.address,
        device_id=lock.device_id,
        name=lock.name,
        make_room=gateway.async_make_room,
        setup_code=code,
    )
    await gateway.async_keep(lock.device_id, registration.tickets, registration.k_adv)
    return NewLock(device_id=lock.device_id, title=registration.device.name)


async def _async_adopt(ras: GatewayClient, lock: FoundLock) -> NewLock:
    sighting = await async_sighting(ras, lock)
    if sighting is None or not sighting.mine:
        raise RasRefusedError(Code.DEVICE_OF_OTHER)
    device = await ras.device(lock.device_id)
    return NewLock(device_id=lock.device_id, title=device.name)
