"""How a lock is unlocked with a PIN in words, where Home Assistant has no sentence for it.

They are sentence triggers: a voice assistant tries these before its agent, so that a PIN that is
said this way reaches no language model. `{lock}` and `{pin}` stand for any words.
"""

from typing import Any, Final

from homeassistant.const import CONF_COMMAND, CONF_PLATFORM
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import intent
from homeassistant.helpers.script import ScriptRunResult
from homeassistant.helpers.trigger import async_initialize_triggers, async_validate_trigger_config

from .const import DOMAIN, LOGGER
from .errors import LockError, Reason
from .voice import async_said

INTENT_UNLOCK_WITH_PIN: Final = "IgrsUnlockWithPin"
SLOT_NAME: Final = "name"
SLOT_PIN: Final = "pin"

_ASSISTANT: Final = "conversation"
_PUNCTUATION: Final = " ,;:\N{FULLWIDTH COMMA}\N{IDEOGRAPHIC COMMA}"

SENTENCES: Final = {
    "en": (
        "(unlock|open) [the] {lock} [with|using] [the|my] (pin|code|pin code) [is] {pin}",
        "(use|with) [the|my] (pin|code|pin code) {pin} [to] (unlock|open) [the] {lock}",
    ),
    "de": (
        "(entsperre|entriegele|öffne) [die|das|den] {lock} mit [der|dem|meiner] (pin|code) {pin}",
        "(schließe|schließ|sperre) [die|das|den] {lock} mit [der|dem|meiner] (pin|code) {pin} auf",
    ),
    "es": ("(desbloquea|abre) [la|el] {lock} con [el|mi] (pin|código) {pin}",),
    "zh": (
        "[用|使用](密码|pin码|pin){pin}(解锁|打开){lock}",
        "(解锁|打开){lock}[ ](密码|pin码|pin)[是]{pin}",
    ),
}


async def async_listen(hass: HomeAssistant, _: str) -> None:
    """Listen for the sentences, in all languages at once; it lasts until Home Assistant stops."""

    async def heard(variables: dict[str, Any], _: Context | None = None) -> ScriptRunResult:
        speech = await _async_unlock(hass, variables["trigger"])
        return ScriptRunResult(speech, None, {})

    triggers = await async_validate_trigger_config(
        hass,
        [
            {
                CONF_PLATFORM: _ASSISTANT,
                CONF_COMMAND: [it for sentences in SENTENCES.values() for it in sentences],
            }
        ],
    )
    await async_initialize_triggers(hass, triggers, heard, DOMAIN, "unlock with PIN", LOGGER.log)


async def _async_unlock(hass: HomeAssistant, trigger: dict[str, Any]) -> str | None:
    """Unlock, and return why not; None lets Home Assistant say that it is done."""
    said, slots = trigger["user_input"], trigger["slots"]
    try:
        response = await intent.async_handle(
            hass,
            DOMAIN,
            INTENT_UNLOCK_WITH_PIN,
            {
                SLOT_NAME: {"value": slots["lock"].strip(_PUNCTUATION)},
                SLOT_PIN: {"value": slots["pin"]},
            },
            context=Context(**said["context"]),
            language=said["language"],
            assistant=_ASSISTANT,
            device_id=trigger["device_id"],
            satellite_id=trigger["satellite_id"],
        )
    except intent.MatchFailedError, intent.InvalidSlotInfo:
        return await async_said(hass, LockError(Reason.VOICE_NO_SUCH_LOCK), said["language"])
    speech: str | None = response.speech.get("plain", {}).get("speech")
    return speech
