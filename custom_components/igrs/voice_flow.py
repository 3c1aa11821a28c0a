"""The owner's choice of what a voice may do: for the home, and for a single lock."""

from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
    SubentryFlowResult,
)
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from .const import CONF_VOICE_PIN, CONF_VOICE_UNLOCK
from .pin import digits, sealed
from .voice import DEFAULT, VoiceUnlock

AS_HOME: Final = "as_home"


def _choice(*options: str) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(options=list(options), translation_key=CONF_VOICE_UNLOCK)
    )


_OPTIONS: Final = probatio.Schema(
    {
        probatio.Required(CONF_VOICE_UNLOCK): _choice(*VoiceUnlock),
        probatio.Optional(CONF_VOICE_PIN): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password")
        ),
    }
)
_OF_LOCK: Final = probatio.Schema(
    {probatio.Required(CONF_VOICE_UNLOCK): _choice(AS_HOME, *VoiceUnlock)}
)


class VoiceOptionsFlow(OptionsFlow):
    """Choose for all locks of a home, and set the voice PIN."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether, and for a new PIN; the old one is never shown."""
        options = dict(self.config_entry.options)
        errors: dict[str, str] = {}
        if user_input is not None:
            chosen, typed = user_input[CONF_VOICE_UNLOCK], user_input.get(CONF_VOICE_PIN, "")
            pin = digits(typed)
            if typed and pin is None:
                errors[CONF_VOICE_PIN] = "pin_malformed"
            elif pin is None and chosen == VoiceUnlock.WITH_PIN and CONF_VOICE_PIN not in options:
                errors[CONF_VOICE_PIN] = "pin_needed"
            else:
                if pin is not None:
                    options[CONF_VOICE_PIN] = await self.hass.async_add_executor_job(sealed, pin)
                    await self._async_begin_anew()
                return self.async_create_entry(data={**options, CONF_VOICE_UNLOCK: chosen})
        suggested = {CONF_VOICE_UNLOCK: DEFAULT, **options, **(user_input or {})}
        suggested.pop(CONF_VOICE_PIN, None)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(_OPTIONS, suggested),
            errors=errors,
        )

    async def _async_begin_anew(self) -> None:
        """Forget the tries with the old PIN."""
        if self.config_entry.state is ConfigEntryState.LOADED:
            await self.config_entry.runtime_data.voice_pin.async_forgive()


class VoiceOfLockFlow(ConfigSubentryFlow):
    """Set a lock apart from the others of its home."""

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask whether this lock may be unlocked by voice."""
        subentry = self._get_reconfigure_subentry()
        data = dict(subentry.data)
        own = data.pop(CONF_VOICE_UNLOCK, AS_HOME)
        if user_input is not None:
            if user_input[CONF_VOICE_UNLOCK] != AS_HOME:
                data |= user_input
            return self.async_update_and_abort(self._get_entry(), subentry, data=data)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(_OF_LOCK, {CONF_VOICE_UNLOCK: own}),
        )
