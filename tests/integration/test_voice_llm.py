"""A language model that acts in the home: it unlocks with the PIN that somebody said, or not."""

from homeassistant.components.conversation import DOMAIN as ASSIST
from homeassistant.core import Context
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    APIInstance,
    LLMContext,
    ToolInput,
    async_get_api,
)
import pytest

from custom_components.igrs.llm import TOOL, async_get_tools
from igrs_codec.bsld.frame import Bolt
from tests.integration.assist import PIN, choose
from tests.integration.home import Home


def asked() -> LLMContext:
    """Return who asks the model: nobody in particular, at a loudspeaker."""
    return LLMContext(
        platform="test", context=Context(), language="en", assistant=ASSIST, device_id=None
    )


async def api(home: Home) -> APIInstance:
    """Return what a model may do in the home."""
    return await async_get_api(home.hass, LLM_API_ASSIST, asked())


def tools(instance: APIInstance) -> set[str]:
    """Return the names of the tools."""
    return {tool.name for tool in instance.tools}


async def use(home: Home, tool: str, **arguments: str) -> str:
    """Have the model use a tool, and return what it is told."""
    result = await (await api(home)).async_call_tool(ToolInput(tool, arguments))
    return str(result.data)


async def test_tool(spoken_to: Home) -> None:
    """The tool says that it opens something, and which locks it is for."""
    choose(spoken_to, "with_pin")

    instance = await api(spoken_to)

    (tool,) = [tool for tool in instance.tools if tool.name == TOOL]
    assert tool.annotations.destructive
    assert not tool.annotations.open_world
    assert "Front door" in instance.api_prompt
    assert PIN not in instance.api_prompt


async def test_unlock(spoken_to: Home) -> None:
    """With the right PIN the lock is unlocked when the tool returns."""
    choose(spoken_to, "with_pin")

    told = await use(spoken_to, TOOL, name="Front door", pin=PIN)

    assert "action_done" in told
    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED


async def test_wrong_pin(spoken_to: Home) -> None:
    """A model that guesses is stopped like anybody else."""
    choose(spoken_to, "with_pin")

    told = [await use(spoken_to, TOOL, name="Front door", pin=f"900{i}") for i in range(6)]

    assert all("The PIN is wrong" in text for text in told[:5])
    assert "too many wrong PINs" in told[5]
    assert "too many wrong PINs" in await use(spoken_to, TOOL, name="Front door", pin=PIN)
    assert spoken_to.lock.state.bolt is Bolt.LOCKED


async def test_without_the_tool(spoken_to: Home) -> None:
    """The tool that turns things off does not get around the PIN; the model is told why."""
    choose(spoken_to, "with_pin")

    told = await use(spoken_to, "intent__HassTurnOff", name="Front door")

    assert "To unlock by voice, say the PIN as well" in told
    assert spoken_to.lock.state.bolt is Bolt.LOCKED


async def test_lock(spoken_to: Home) -> None:
    """To lock a model needs no PIN."""
    choose(spoken_to, "with_pin")
    await spoken_to.call("unlock")

    await use(spoken_to, "intent__HassTurnOn", name="Front door")

    assert spoken_to.lock.state.bolt is Bolt.LOCKED


@pytest.mark.parametrize(
    ("voice_unlock", "pin"),
    [
        pytest.param("never", PIN, id="never"),
        pytest.param("without_pin", PIN, id="no PIN needed"),
        pytest.param("with_pin", None, id="no PIN set"),
    ],
)
async def test_no_tool(spoken_to: Home, voice_unlock: str, pin: str | None) -> None:
    """Where no PIN can be of use there is no tool for one."""
    choose(spoken_to, voice_unlock, pin)

    assert TOOL not in tools(await api(spoken_to))


async def test_not_exposed(assist: None, home: Home) -> None:
    """A model is told nothing of a lock that the owner has not exposed."""
    choose(home, "with_pin")

    instance = await api(home)

    assert TOOL not in tools(instance)
    assert TOOL not in instance.api_prompt


async def test_other_interface(spoken_to: Home) -> None:
    """The tool is part of Assist's interface, and of no other."""
    choose(spoken_to, "with_pin")

    assert async_get_tools(spoken_to.hass, asked(), "other") is None
