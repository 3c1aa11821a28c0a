"""The advertisements of one lock: heard through Home Assistant, judged by the tracker.

State without a connection (project profile, protocol 11). Home Assistant hands on an advert
only when it differs from the one before, so the last one is looked at again where that matters.
"""

from collections.abc import Callable
from datetime import datetime
import time
from typing import Final

from homeassistant.components import bluetooth
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .const import LOGGER
from .igrs_codec.bsld.advert import SERVICE_UUID
from .igrs_codec.bsld.tracker import Tracker, Verdict
from .ras import SeenDevice

HEARD_FOR: Final = 60  # seconds that an advert is good for routing
NEAR_FOR: Final = 180  # seconds; some adapters tell of an equal advert no oftener
FLOOD_PAUSE: Final = 1  # seconds; under a flood a few adverts are judged in each


class Adverts:
    """What one lock sends to everybody.

    clock_confirmed says whether adverts can be judged by the own clock; judged gets the
    verdict over each.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        tracker: Tracker,
        device_id: str,
        address: str,
        name: str,
        clock_confirmed: Callable[[], bool],
        judged: Callable[[Verdict], None],
    ) -> None:
        """Prepare; `async_start` listens."""
        self._hass = hass
        self._tracker = tracker
        self._device_id = device_id
        self._address = address
        self._name = name
        self._clock_confirmed = clock_confirmed
        self._judged = judged
        self._stop_listening: CALLBACK_TYPE | None = None
        self._stop_pause: CALLBACK_TYPE | None = None
        self._accepted = b""  # the newest one; to look at it again is not to hear it again

    @callback
    def async_start(self) -> None:
        """Listen, beginning with the advert that was heard last."""
        self._stop_listening = bluetooth.async_register_callback(
            self._hass,
            self._heard,
            bluetooth.BluetoothCallbackMatcher(address=self._address, connectable=False),
            bluetooth.BluetoothScanningMode.PASSIVE,
        )

    @callback
    def async_stop(self) -> None:
        """Stop listening."""
        for stop in (self._stop_listening, self._stop_pause):
            if stop is not None:
                stop()
        self._stop_listening = self._stop_pause = None

    @callback
    def async_hear_again(self) -> None:
        """Judge the last advert anew: keys or clock were not there before."""
        info = bluetooth.async_last_service_info(self._hass, self._address, connectable=False)
        if info is not None and info.service_data.get(SERVICE_UUID) != self._accepted:
            self._heard(info, bluetooth.BluetoothChange.ADVERTISEMENT)

    @property
    def heard(self) -> bool:
        """Whether an adapter that can connect hears the lock, whatever it says."""
        info = bluetooth.async_last_service_info(self._hass, self._address, connectable=True)
        return info is not None and bluetooth.MONOTONIC_TIME() - info.time <= NEAR_FOR

    @property
    def rssi(self) -> int | None:
        """How strongly the lock was heard last, in dBm."""
        info = bluetooth.async_last_service_info(self._hass, self._address, connectable=False)
        return None if info is None else info.rssi

    @callback
    def async_sighting(self) -> SeenDevice | None:
        """Return the newest advert of the last minute, for the RAS's routing."""
        info = bluetooth.async_last_service_info(self._hass, self._address, connectable=False)
        if info is None or (data := info.service_data.get(SERVICE_UUID)) is None:
            return None
        age = bluetooth.MONOTONIC_TIME() - info.time
        if age > HEARD_FOR:
            return None
        return SeenDevice(
            device_id=self._device_id,
            rssi=info.rssi,
            service_data=data.hex(),
            at=int(time.time() - age),
        )

    @callback
    def _heard(
        self, info: bluetooth.BluetoothServiceInfoBleak, _: bluetooth.BluetoothChange
    ) -> None:
        if (data := info.service_data.get(SERVICE_UUID)) is None:
            return
        sighting = self._tracker.observe(data, time.time(), clock_confirmed=self._clock_confirmed())
        if sighting.spoofing:
            LOGGER.warning("%s: somebody sends forged advertisements", self._name)
        if sighting.verdict is Verdict.LIMITED and self._stop_pause is None:
            self._stop_pause = async_call_later(self._hass, FLOOD_PAUSE, self._pause_over)
        if sighting.verdict is Verdict.ACCEPTED:
            self._accepted = data
        self._judged(sighting.verdict)

    @callback
    def _pause_over(self, _: datetime) -> None:
        self._stop_pause = None
        self.async_hear_again()
