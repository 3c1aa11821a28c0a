"""Adding locks to homes: one that was heard, or one chosen by hand (project profile, API 5)."""

from types import MappingProxyType
from typing import Any, Final

from homeassistant.components.bluetooth import BluetoothServiceInfoBleak
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentry,
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

from .const import DOMAIN, SUBENTRY_LOCK
from .discovery import FoundLock, async_sighting, async_take, found_locks, is_configured
from .flow_errors import CONF_SETUP_CODE, FORM_ERRORS, Problem, problem
from .ras_errors import RasError
from .voice_flow import VoiceOfLockFlow

CONF_HOME: Final = "home"
CONF_LOCK: Final = "lock"
SETUP_CODE_FIELD: Final = {probatio.Optional(CONF_SETUP_CODE, default=""): TextSelector()}


class HeardLockFlow(ConfigFlow):
    """Offer a lock that was heard."""

    _found: FoundLock
    _owner: ConfigEntry[Any]

    async def async_step_bluetooth(
        self, discovery_info: BluetoothServiceInfoBleak
    ) -> ConfigFlowResult:
        """Offer a lock that nobody owns, or that one of our accounts owns already."""
        found = FoundLock.from_advert(discovery_info)
        if found is None:
            return self.async_abort(reason="not_supported")
        self._found = found
        await self.async_set_unique_id(found.device_id)
        self._abort_if_unique_id_configured()  # somebody has chosen to ignore it
        if is_configured(self.hass, found.device_id):
            return self.async_abort(reason="already_configured")
        if not self._homes:
            return self.async_abort(reason="no_home")
        self.context["title_placeholders"] = {"name": found.name}
        if not found.owned:
            return await self.async_step_register()
        return await self._async_find_home()

    @property
    def _homes(self) -> dict[str, ConfigEntry[Any]]:
        """Return the homes that can take a lock now; they may be more than a moment ago."""
        homes = self.hass.config_entries.async_loaded_entries(DOMAIN)
        return {home.entry_id: home for home in homes}

    async def _async_find_home(self) -> ConfigFlowResult:
        """Look for the account that owns the lock."""
        reason = "owned_by_other"
        for home in self._homes.values():
            try:
                sighting = await async_sighting(home.runtime_data.ras, self._found)
            except RasError:
                reason = "cannot_connect"
                continue
            if sighting is not None and sighting.mine:
                self._owner = home
                return await self.async_step_adopt()
        return self.async_abort(reason=reason)

    async def async_step_adopt(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether a lock of the account is wanted here."""
        home = None if user_input is None else self._owner
        return await self._async_take("adopt", home, {}, user_input, "adopted")

    async def async_step_register(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the home and the setup code of a lock that nobody owns."""
        homes, home = self._homes, None
        if user_input is not None and len(homes) == 1:
            (home,) = homes.values()
        elif user_input is not None:
            home = homes.get(user_input.get(CONF_HOME, ""))
        fields: dict[probatio.Marker, Any] = {}
        if len(homes) > 1:
            options = [
                SelectOptionDict(value=entry_id, label=home.title)
                for entry_id, home in homes.items()
            ]
            fields[probatio.Required(CONF_HOME)] = SelectSelector(
                SelectSelectorConfig(options=options)
            )
        return await self._async_take(
            "register", home, fields | SETUP_CODE_FIELD, user_input, "lock_added"
        )

    async def _async_take(
        self,
        step_id: str,
        home: ConfigEntry[Any] | None,
        fields: dict[probatio.Marker, Any],
        user_input: dict[str, Any] | None,
        done: str,
    ) -> ConfigFlowResult:
        """Take the lock into a home; as long as that is not possible, show the form."""
        why = Problem()
        if home is not None:
            try:
                typed = (user_input or {}).get(CONF_SETUP_CODE, "")
                new = await async_take(self.hass, home, self._found, typed)
            except FORM_ERRORS as err:
                why = problem(err)
            else:
                self.hass.config_entries.async_add_subentry(
                    home,
                    ConfigSubentry(
                        data=MappingProxyType(new.data),
                        subentry_type=SUBENTRY_LOCK,
                        title=new.title,
                        unique_id=new.device_id,
                    ),
                )
                return self.async_abort(reason=done, description_placeholders={"name": new.title})
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(fields), user_input),
            errors=why.errors,
            description_placeholders=why.placeholders
            | {"name": self._found.name, "device_id": self._found.device_id},
        )


class LockSubentryFlow(VoiceOfLockFlow):
    """Add one of the locks in sight to a home, or change what a voice may do there."""

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
                lock = self._locks[user_input[CONF_LOCK]]
                new = await async_take(self.hass, home, lock, user_input[CONF_SETUP_CODE])
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
