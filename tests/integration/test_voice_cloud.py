"""Google Assistant and Alexa: they have PINs of their own, and nothing here stands in their way."""

from typing import Any, Final

from homeassistant.components.alexa import SMART_HOME_SCHEMA
from homeassistant.components.alexa.smart_home import (
    AlexaConfig,
    async_handle_message as async_alexa,
)
from homeassistant.components.google_assistant import (
    GOOGLE_ASSISTANT_SCHEMA,
    http as google_http,
    smart_home as google_home,
)
import pytest

from igrs_codec.bsld.frame import Bolt
from tests.integration.assist import choose
from tests.integration.home import EVENT, LOCK, Home

GOOGLE_PIN: Final = "1111"
GOOGLE: Final[Any] = google_home  # not typed
GOOGLE_CONFIG: Final[Any] = google_http.GoogleConfig  # the same


async def google(home: Home, *, lock: bool, pin: str | None = None) -> dict[str, Any]:
    """Have Google lock or unlock, and return what it is told."""
    config = GOOGLE_CONFIG(
        home.hass,
        GOOGLE_ASSISTANT_SCHEMA(
            {"project_id": "home", "secure_devices_pin": GOOGLE_PIN, "report_state": False}
        ),
    )
    command: dict[str, Any] = {
        "command": "action.devices.commands.LockUnlock",
        "params": {"lock": lock},
    }
    if pin is not None:
        command["challenge"] = {"pin": pin}
    message = {
        "requestId": "1",
        "inputs": [
            {
                "intent": "action.devices.EXECUTE",
                "payload": {"commands": [{"devices": [{"id": LOCK}], "execution": [command]}]},
            }
        ],
    }
    auth = home.hass.auth
    owner = await auth.async_get_owner() or await auth.async_create_user("Anna")
    answer = await GOOGLE.async_handle_message(
        home.hass, config, "agent", owner.id, message, "cloud"
    )
    told: dict[str, Any] = answer["payload"]
    return told


async def alexa(home: Home, name: str) -> str:
    """Have Alexa lock or unlock, and return the name of its answer."""
    config = AlexaConfig(home.hass, SMART_HOME_SCHEMA({}))
    await config.async_initialize()
    message = {
        "directive": {
            "header": {
                "namespace": "Alexa.LockController",
                "name": name,
                "messageId": "1",
                "payloadVersion": "3",
            },
            "endpoint": {"endpointId": LOCK.replace(".", "#"), "scope": {"token": "x"}},
            "payload": {},
        }
    }
    answer = await async_alexa(home.hass, config, message)
    await home.hass.async_block_till_done()
    told: str = answer["event"]["header"]["name"]
    return told


async def test_google_asks_for_its_pin(home: Home) -> None:
    """Google asks for the PIN of its own configuration, and unlocks with it; ours is not needed."""
    choose(home, "with_pin")
    assert "code_format" not in home.state().attributes

    (asked,) = (await google(home, lock=False))["commands"]
    assert asked["challengeNeeded"] == {"type": "pinNeeded"}
    assert home.state().state == "locked"
    (done,) = (await google(home, lock=False, pin=GOOGLE_PIN))["commands"]

    assert done["status"] == "SUCCESS"
    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert home.state().attributes["changed_by"] == "Anna"


async def test_google_locks(home: Home) -> None:
    """To lock Google needs no PIN."""
    await home.call("unlock")

    (done,) = (await google(home, lock=True))["commands"]

    assert done["status"] == "SUCCESS"
    assert home.lock.state.bolt is Bolt.LOCKED


async def test_google_never(home: Home) -> None:
    """Where no voice may unlock, Google's PIN does not help either."""
    choose(home, "never")

    refused = await google(home, lock=False, pin=GOOGLE_PIN)

    assert refused == {"errorCode": "unknownError"}  # Google knows no more of what failed here
    assert home.lock.state.bolt is Bolt.LOCKED
    assert home.state(EVENT).attributes["reason"] == "voice_off"


@pytest.mark.parametrize(
    ("command", "bolt"),
    [
        pytest.param("Unlock", Bolt.UNLOCKED, id="unlock"),
        pytest.param("Lock", Bolt.LOCKED, id="lock"),
    ],
)
async def test_alexa(home: Home, command: str, bolt: Bolt) -> None:
    """Alexa has asked for its own PIN before it comes here, and does what it is told to."""
    choose(home, "with_pin")

    assert await alexa(home, command) == "Response"

    assert home.lock.state.bolt is bolt
