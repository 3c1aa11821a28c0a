"""Adding a lock by hand to a home that is set up (project profile, ras_api 5)."""

from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
)
import probatio

from .const import DOMAIN
from .discovery import FoundLock, async_take, canonical_setup_code, found_locks, latest
from .flow_errors import CONF_SETUP_CODE, FORM_ERRORS, Problem, problem

CONF_LOCK: Final = "lock"
SETUP_CODE_FIELD: Final = {probatio.Optional(CONF_SETUP_CODE, default=""): TextSelector()}


class LockSubentryFlow(ConfigSubentryFlow):
    """Add one of the locks in sight to a home."""

    def __init__(self) -> None:
        """Know no lock yet."""
        self._locks: dict[str, FoundLock] = {}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which lock, and for its setup code."""
        home = self._get_entry()
        if home.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        why = Problem()
        if user_input is not None:
            try:
                lock = latest(self.hass, self._locks[user_input[CONF_LOCK]])
                code = canonical_setup_code(lock, user_input[CONF_SETUP_CODE])
                new = await async_take(self.hass, home, lock, code)
            except FORM_ERRORS as err:
                why = problem(err)
            else:
                self._async_end_discovery(new.device_id)
                return self.async_create_entry(
                    title=new.title, data=new.data, unique_id=new.device_id
                )
        self._locks |= {lock.device_id: lock for lock in found_locks(self.hass)}
        if not self._locks:
            return self.async_abort(reason="no_locks_found")
        options = [
            SelectOptionDict(value=lock.device_id, label=f"{lock.name} ({lock.address})")
            for lock in self._locks.values()
        ]
        schema = probatio.Schema(
            {
                probatio.Required(CONF_LOCK): SelectSelector(SelectSelectorConfig(options=options)),
                **SETUP_CODE_FIELD,
            }
        )
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=why.errors,
            description_placeholders=why.placeholders,
        )

    @callback
    def _async_end_discovery(self, device_id: str) -> None:
        """Withdraw the offer of a lock that was added here."""
        flows = self.hass.config_entries.flow
        for flow in flows.async_progress_by_handler(DOMAIN, match_context={"unique_id": device_id}):
            flows.async_abort(flow["flow_id"])
