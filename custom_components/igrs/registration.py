"""Registration of an unowned lock through this gateway (Figure 11; project profile)."""

from collections.abc import Awaitable, Callable
import os

from homeassistant.core import HomeAssistant

from .answers import Registration
from .dialogue import Dialogue, FailedError
from .errors import LockError, Reason
from .igrs_codec.bsld.driver import BsldLink
from .igrs_codec.bsld.keys import device_id_from_text
from .igrs_codec.bsld.session import HelloMemory
from .igrs_codec.bsld.tracker import Tracker
from .link import is_full
from .ras import GatewayClient, read


async def async_register(
    hass: HomeAssistant,
    ras: GatewayClient,
    address: str,
    *,
    device_id: str,
    name: str,
    make_room: Callable[[], Awaitable[None]],
    setup_code: str | None = None,
) -> Registration:
    """Connect to the lock and let the RAS take it over, or raise LockError or RasError.

    The setup code is handed on and not kept. Connections to other locks that are only kept for
    later make room if there is no other.
    """
    if is_full(hass, address):
        await make_room()
    tracker = Tracker(device_id_from_text(device_id), {})
    driver = BsldLink({}, HelloMemory(), tracker, os.urandom)
    try:
        dialogue = await Dialogue.async_open(hass, address, name, driver=driver, ras=ras)
        try:
            result = await dialogue.async_carry_out(
                ras.register_device(device_id, dialogue.hello.packet, name, setup_code=setup_code)
            )
        finally:
            await dialogue.async_close()
    except FailedError as err:
        raise LockError(Reason.NO_ANSWER) from err
    return read(Registration.from_json, result)
