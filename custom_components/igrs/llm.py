"""The tool by which a language model unlocks a lock with the PIN that somebody has said.

The model, and whoever runs it, gets to know the PIN then; the sentences of sentences.py keep it
in Home Assistant.
"""

from typing import Final

from homeassistant.components.homeassistant import async_should_expose
from homeassistant.components.llm import LLMTools
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.llm import LLM_API_ASSIST, IntentTool, LLMContext, ToolAnnotations

from .const import DOMAIN
from .intent import UnlockWithPin
from .voice import VoiceUnlock, lock_of, voice_unlock_of

TOOL: Final = f"{DOMAIN}__unlock_with_pin"

_PROMPT: Final = (
    f"To unlock one of these locks, ask the user for the PIN and use {TOOL}; never guess a PIN,"
    " and do not keep one for later: "
)


@callback
def async_get_tools(hass: HomeAssistant, llm_context: LLMContext, api_id: str) -> LLMTools | None:
    """Return the tool, if there is an exposed lock that wants a PIN."""
    if api_id != LLM_API_ASSIST:
        return None
    names = [
        state.name
        for state in hass.states.async_all("lock")
        if async_should_expose(hass, llm_context.assistant, state.entity_id)
        and (lock := lock_of(hass, state.entity_id)) is not None
        and voice_unlock_of(lock) is VoiceUnlock.WITH_PIN
        and lock.config_entry.runtime_data.voice_pin.is_set
    ]
    if not names:
        return None
    tool = IntentTool(
        TOOL,
        UnlockWithPin(),
        title="Unlock with PIN",
        integration=DOMAIN,
        annotations=ToolAnnotations(destructive=True, open_world=False),
    )
    return LLMTools(tools=[tool], prompt=_PROMPT + ", ".join(sorted(names)))
