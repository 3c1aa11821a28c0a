"""Registration of an unowned lock through this gateway (project profile, protocol 10, Figure 11)."""

from homeassistant.core import HomeAssistant

from .answers import Registration, read
from .errors import LockError, Reason
from .exchange import async_hello, async_run
from .link import Link, LinkLostError
from .ras import GatewayClient


async def async_register(
    hass: HomeAssistant,
    ras: GatewayClient,
    address: str,
    *,
    device_id: str,
    name: str,
    setup_code: str | None = None,
) -> Registration:
    """Connect to the lock and let the RAS take it over, or raise LockError or RasError.

    The setup code is handed on and not kept.
    """
    link = await Link.open(hass, address, name)
    try:
        hello = await async_hello(link)
        exchange = await ras.register_device(device_id, hello, name, setup_code=setup_code)
        outcome = await async_run(link, ras, exchange, hello)
    except LinkLostError as err:
        raise LockError(Reason.NO_ANSWER) from err
    finally:
        await link.close()
    return read(Registration.from_json, outcome.result)
