"""Setting up: the server and the account once, then each lock (project profile, API 3 to 5).

A config entry is one account at one RAS; a config subentry is one of its locks.
"""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_CODE, CONF_METHOD, CONF_PASSWORD, CONF_URL
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import probatio

from .answers import AccessToken, SecondFactor, ServerInfo
from .const import (
    CONF_FINGERPRINT,
    CONF_GATEWAY_ID,
    CONF_GATEWAY_SECRET,
    CONF_SERVER_ID,
    CONF_USER_ID,
    DOMAIN,
    SUBENTRY_LOCK,
    SUBENTRY_PERSON,
)
from .flow_errors import CONF_ACCOUNT, FORM_ERRORS, Problem, problem
from .lock_flow import HeardLockFlow, LockSubentryFlow
from .login import (
    async_log_in,
    async_log_out,
    async_register_gateway,
    async_renew_gateway,
    async_second_factor,
)
from .person_flow import PersonSubentryFlow
from .ras import RasClient, async_shown_fingerprint, is_acceptable_url
from .ras_errors import Code, RasCertificateError, RasError
from .voice_flow import VoiceOptionsFlow

CONF_HOME: Final = "home"

_SERVER_SCHEMA: Final = probatio.Schema(
    {probatio.Required(CONF_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL))}
)
_ACCOUNT_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_ACCOUNT): TextSelector(TextSelectorConfig(autocomplete="username")),
        probatio.Required(CONF_PASSWORD): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
        ),
    }
)

_FINE: Final = Problem()


class IgrsConfigFlow(HeardLockFlow, domain=DOMAIN):
    """Set up an account, or add a lock that was heard."""

    VERSION = 1

    def __init__(self) -> None:
        """Know nothing yet."""
        self._url = ""
        self._fingerprint: bytes | None = None
        self._info: ServerInfo
        self._login: SecondFactor

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return that locks can be added by hand too, and people."""
        return {SUBENTRY_LOCK: LockSubentryFlow, SUBENTRY_PERSON: PersonSubentryFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return that the owner chooses what a voice may do."""
        return VoiceOptionsFlow()

    # The server

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the address of the server."""
        return await self._async_address("user", user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new address of the same server, or accept its new certificate."""
        self._url = self._url or self._get_reconfigure_entry().data[CONF_URL]
        return await self._async_address("reconfigure", user_input)

    async def _async_address(
        self, step_id: str, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        why = Problem()
        if user_input is not None:
            self._url = user_input[CONF_URL].strip().rstrip("/")
            self._fingerprint = None
            if is_acceptable_url(self._url):
                try:
                    return await self._async_reach()
                except RasError as err:
                    why = problem(err)
            else:
                why = Problem({CONF_URL: "insecure_url"})
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(_SERVER_SCHEMA, {CONF_URL: self._url}),
            errors=why.errors,
            description_placeholders=why.placeholders,
        )

    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Take the address that a server announces."""
        server_id = discovery_info.properties.get("server_id")
        url = discovery_info.properties.get("base_url")
        if not server_id or not url or not is_acceptable_url(url):
            return self.async_abort(reason="invalid_discovery")
        self._url = url.rstrip("/")
        entry = await self.async_set_unique_id(server_id)
        if entry is not None and entry.source != SOURCE_IGNORE:
            await self._async_move(entry)
        self._abort_if_unique_id_configured()
        self.context["title_placeholders"] = {"name": discovery_info.name.partition(".")[0]}
        return await self.async_step_zeroconf_confirm()

    async def _async_move(self, entry: ConfigEntry[Any]) -> None:
        """Follow a known server to a new address.

        Anybody can announce anything, and the gateway's secret goes to that address: only
        a server that shows the pinned certificate is followed.
        """
        if entry.data[CONF_FINGERPRINT] is None or entry.data[CONF_URL] == self._url:
            return
        self._fingerprint = bytes.fromhex(entry.data[CONF_FINGERPRINT])
        try:
            await self._ras.info()
        except RasError:
            return
        self._async_change(entry)

    async def async_step_zeroconf_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether the announced server is wanted."""
        return await self._async_confirm("zeroconf_confirm", user_input, {"url": self._url})

    async def async_step_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether a certificate that nobody vouches for is the server's."""
        fingerprint = (self._fingerprint or b"").hex(":").upper()
        return await self._async_confirm(
            "certificate", user_input, {"url": self._url, "fingerprint": fingerprint}
        )

    async def _async_confirm(
        self, step_id: str, user_input: dict[str, Any] | None, placeholders: dict[str, str]
    ) -> ConfigFlowResult:
        why = Problem()
        if user_input is not None:
            try:
                return await self._async_reach()
            except RasError as err:
                why = problem(err)
        return self.async_show_form(
            step_id=step_id,
            data_schema=probatio.Schema({}),
            errors=why.errors,
            description_placeholders=why.placeholders | placeholders,
        )

    @property
    def _ras(self) -> RasClient:
        return RasClient(
            async_get_clientsession(self.hass), self._url, fingerprint=self._fingerprint
        )

    async def _async_reach(self) -> ConfigFlowResult:
        """Go on when the server has answered, or raise a RasError."""
        try:
            self._info = await self._ras.info()
        except RasCertificateError:
            self._fingerprint = await async_shown_fingerprint(self._ras)
            return await self.async_step_certificate()
        await self.async_set_unique_id(self._info.server_id, raise_on_progress=False)
        if self.source == SOURCE_RECONFIGURE:
            self._abort_if_unique_id_mismatch(reason="wrong_server")
            entry = self._get_reconfigure_entry()
            self._async_change(entry)
            return self.async_update_and_abort(entry)
        self._abort_if_unique_id_configured()
        return await self.async_step_account()

    @callback
    def _async_change(self, entry: ConfigEntry[Any], **changes: str) -> None:
        """Change the entry; if it is set up, its listener starts it anew."""
        is_listening = bool(entry.update_listeners)
        self.hass.config_entries.async_update_entry(
            entry, data={**entry.data, **self._server_data, **changes}
        )
        if not is_listening:
            self.hass.config_entries.async_schedule_reload(entry.entry_id)

    @property
    def _server_data(self) -> dict[str, Any]:
        fingerprint = None if self._fingerprint is None else self._fingerprint.hex()
        return {CONF_URL: self._url, CONF_FINGERPRINT: fingerprint}

    # The account

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Log in again: the gateway's secret ended."""
        self._url = entry_data[CONF_URL]
        if entry_data[CONF_FINGERPRINT] is not None:
            self._fingerprint = bytes.fromhex(entry_data[CONF_FINGERPRINT])
        return await self.async_step_account()

    async def async_step_account(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for account and password; neither is kept."""
        if user_input is None:
            return self._account_form()
        try:
            self._login = await async_log_in(
                self._ras, user_input[CONF_ACCOUNT], user_input[CONF_PASSWORD]
            )
        except FORM_ERRORS as err:
            return self._account_form(problem(err), user_input[CONF_ACCOUNT])
        return await self.async_step_second_factor()

    def _account_form(self, why: Problem = _FINE, account: str = "") -> ConfigFlowResult:
        return self.async_show_form(
            step_id="account",
            data_schema=self.add_suggested_values_to_schema(
                _ACCOUNT_SCHEMA, {CONF_ACCOUNT: account}
            ),
            errors=why.errors,
            description_placeholders=why.placeholders | {"url": self._url},
        )

    async def async_step_second_factor(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the code that the server sent, or another second factor."""
        why = Problem()
        methods = list(self._login.methods)
        if user_input is not None:
            try:
                return await self._async_finish(
                    await async_second_factor(
                        self._ras,
                        self._login,
                        user_input[CONF_METHOD],
                        user_input[CONF_CODE].strip(),
                    )
                )
            except RasError as err:
                if err.code == Code.RESOURCE_UNKNOWN:
                    return self._account_form(Problem({"base": "login_expired"}))
                why = problem(err)
        return self.async_show_form(
            step_id="second_factor",
            data_schema=self.add_suggested_values_to_schema(
                probatio.Schema(
                    {
                        probatio.Required(CONF_METHOD, default=methods[0]): SelectSelector(
                            SelectSelectorConfig(options=methods, translation_key="second_factor")
                        ),
                        probatio.Required(CONF_CODE): TextSelector(
                            TextSelectorConfig(autocomplete="one-time-code")
                        ),
                    }
                ),
                user_input,
            ),
            errors=why.errors,
            description_placeholders=why.placeholders,
        )

    async def _async_finish(self, token: AccessToken) -> ConfigFlowResult:
        """Become a gateway of the account, and log the person out."""
        reauth = self._get_reauth_entry() if self.source == SOURCE_REAUTH else None
        try:
            if reauth is not None and token.user_id != reauth.data[CONF_USER_ID]:
                return self.async_abort(reason="wrong_account")
            name = self.hass.config.location_name
            if reauth is None:
                gateway = await async_register_gateway(self._ras, token, name)
            else:
                gateway = await async_renew_gateway(
                    self._ras, token, reauth.data[CONF_GATEWAY_ID], name
                )
        finally:
            await async_log_out(self._ras, token)
        credentials = {
            CONF_GATEWAY_ID: gateway.gateway_id,
            CONF_GATEWAY_SECRET: gateway.gateway_secret,
        }
        if reauth is not None:
            self._async_change(reauth, **credentials)
            return self.async_update_and_abort(reauth)
        return self.async_create_entry(
            title=self._info.name,
            data={
                **self._server_data,
                CONF_SERVER_ID: self._info.server_id,
                CONF_USER_ID: token.user_id,
                **credentials,
            },
        )
