"""The owner's choices: for the home in its options, for a single lock by reconfiguring it."""

import json

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigFlowResult, SubentryFlowContext
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.igrs.errors import LockError, Reason
from custom_components.igrs.pin import is_sealed_as
from custom_components.igrs.voice import VoiceUnlock, voice_unlock_of
from tests.integration.assist import PIN, choose
from tests.integration.home import Home


async def options(home: Home) -> ConfigFlowResult:
    """Open the options of the home."""
    form = await home.hass.config_entries.options.async_init(home.entry.entry_id)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "init"
    return form


async def submit(home: Home, form: ConfigFlowResult, **typed: str) -> ConfigFlowResult:
    """Submit the options."""
    return await home.hass.config_entries.options.async_configure(form["flow_id"], typed)


def suggested(form: ConfigFlowResult) -> dict[str, str]:
    """Return what a form is filled with."""
    schema = form["data_schema"]
    assert schema is not None
    return {
        str(key): key.description["suggested_value"]
        for key in schema.schema
        if key.description and "suggested_value" in key.description
    }


async def test_options(home: Home) -> None:
    """The choice and the PIN are kept; the PIN only as what it can be compared with."""
    form = await options(home)
    assert suggested(form) == {"voice_unlock": "with_pin"}

    done = await submit(home, form, voice_unlock="with_pin", voice_pin="2 5 8 0")

    assert done["type"] is FlowResultType.CREATE_ENTRY
    kept = home.entry.options
    assert is_sealed_as(PIN, kept["voice_pin"])
    assert PIN not in json.dumps(home.entry.as_dict(), default=str)
    assert voice_unlock_of(home.coordinator) is VoiceUnlock.WITH_PIN
    assert home.gateway.online  # nothing was started anew


@pytest.mark.parametrize("typed", ["12", "secret", "1234567890123"])
async def test_no_pin(home: Home, typed: str) -> None:
    """What is no PIN is refused, the choice stays; then a PIN is taken."""
    form = await submit(home, await options(home), voice_unlock="without_pin", voice_pin=typed)
    assert form["errors"] == {"voice_pin": "pin_malformed"}
    assert suggested(form) == {"voice_unlock": "without_pin"}

    done = await submit(home, form, voice_unlock="without_pin", voice_pin=PIN)

    assert done["type"] is FlowResultType.CREATE_ENTRY


async def test_pin_needed(home: Home) -> None:
    """Without a PIN nobody can be asked for it; another way needs none."""
    form = await submit(home, await options(home), voice_unlock="with_pin")
    assert form["errors"] == {"voice_pin": "pin_needed"}

    done = await submit(home, form, voice_unlock="never")

    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert "voice_pin" not in home.entry.options
    assert voice_unlock_of(home.coordinator) is VoiceUnlock.NEVER


async def test_pin_stays(home: Home) -> None:
    """An empty field keeps the PIN that is set, which is never shown."""
    choose(home, "with_pin")
    before = home.entry.options["voice_pin"]
    form = await options(home)
    assert suggested(form) == {"voice_unlock": "with_pin"}

    await submit(home, form, voice_unlock="without_pin")

    assert home.entry.options == {"voice_unlock": "without_pin", "voice_pin": before}


async def test_new_pin_ends_the_pause(home: Home) -> None:
    """Whoever is paused can be helped: the owner sets a new PIN."""
    choose(home, "with_pin")
    for _ in range(5):
        with pytest.raises(LockError):
            await home.gateway.voice_pin.async_require("9999")
    with pytest.raises(LockError) as paused:
        await home.gateway.voice_pin.async_require(PIN)
    assert paused.value.reason is Reason.PIN_PAUSED

    await submit(home, await options(home), voice_unlock="with_pin", voice_pin="1357")

    await home.gateway.voice_pin.async_require("1357")


async def test_options_of_a_home_that_is_not_loaded(home: Home) -> None:
    """The choice can be made while the home is not set up."""
    await home.hass.config_entries.async_unload(home.entry.entry_id)

    done = await submit(home, await options(home), voice_unlock="with_pin", voice_pin=PIN)

    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert is_sealed_as(PIN, home.entry.options["voice_pin"])


async def test_lock_set_apart(home: Home) -> None:
    """One lock can be set apart, and brought back to what holds for the home."""
    choose(home, "without_pin")
    (subentry,) = home.entry.get_subentries_of_type("lock")
    flows = home.hass.config_entries.subentries
    key = (home.entry.entry_id, "lock")
    context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=subentry.subentry_id)

    form = await flows.async_init(key, context=context)
    assert form["type"] is FlowResultType.FORM
    done = await flows.async_configure(form["flow_id"], {"voice_unlock": "never"})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert voice_unlock_of(home.coordinator) is VoiceUnlock.NEVER

    form = await flows.async_init(key, context=context)
    await flows.async_configure(form["flow_id"], {"voice_unlock": "as_home"})
    assert voice_unlock_of(home.coordinator) is VoiceUnlock.WITHOUT_PIN
    (subentry,) = home.entry.get_subentries_of_type("lock")
    assert dict(subentry.data) == {"device_id": home.coordinator.device_id}
