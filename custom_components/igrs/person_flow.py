"""Connecting users of Home Assistant with persons of the RAS, who decides for them then."""

from typing import Any

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
)
import probatio

from .const import CONF_PERSON, CONF_USER, SUBENTRY_PERSON
from .ras_errors import RasError


class PersonSubentryFlow(ConfigSubentryFlow):
    """Add a person."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which user is which person."""
        entry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        try:
            people = {each.user_id: each.name for each in await entry.runtime_data.ras.people()}
        except RasError:
            return self.async_abort(reason="cannot_connect")
        taken = {
            subentry.data[CONF_USER] for subentry in entry.get_subentries_of_type(SUBENTRY_PERSON)
        }
        users = {
            user.id: user.name or user.id
            for user in await self.hass.auth.async_get_users()
            if user.is_active and not user.system_generated and user.id not in taken
        }
        if not users:
            return self.async_abort(reason="no_users_left")
        if (
            user_input is not None
            and user_input[CONF_USER] in users
            and user_input[CONF_PERSON] in people
        ):
            return self.async_create_entry(
                title=users[user_input[CONF_USER]],
                data=user_input,
                unique_id=user_input[CONF_USER],
            )
        return self.async_show_form(
            step_id="user",
            data_schema=probatio.Schema(
                {
                    probatio.Required(CONF_USER): _one_of(users),
                    probatio.Required(CONF_PERSON): _one_of(people),
                }
            ),
        )


def _one_of(names: dict[str, str]) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=[SelectOptionDict(value=key, label=name) for key, name in names.items()]
        )
    )
