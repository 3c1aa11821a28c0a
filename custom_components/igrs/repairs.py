"""The issues that a person ends by saying that he has looked at them."""

from typing import override

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant

from .gateway import IgrsConfigEntry
from .issues import Trouble


class Seen(ConfirmRepairFlow):
    """Asks whether the trouble was looked at, and forgets it then."""

    def __init__(self, entry: IgrsConfigEntry, trouble: Trouble, device_id: str) -> None:
        """Know what the issue is about."""
        self._entry = entry
        self._trouble = trouble
        self._device_id = device_id

    @override
    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask, and begin anew."""
        if user_input is not None:
            self._entry.runtime_data.async_forgive(self._trouble, self._device_id)
        return await super().async_step_confirm(user_input)


async def async_create_fix_flow(
    hass: HomeAssistant, _: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that ends an issue; only those that a person may end have one."""
    told = data or {}
    entry: IgrsConfigEntry = hass.config_entries.async_get_known_entry(str(told["entry_id"]))
    return Seen(entry, Trouble(str(told["trouble"])), str(told["about"]))
