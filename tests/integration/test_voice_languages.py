"""What is said to a lock, in four languages and those of the manual."""

import json
from pathlib import Path
import re
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers import intent
import pytest

from custom_components.igrs import sentences
from custom_components.igrs.errors import LockError, Reason
from custom_components.igrs.voice import async_said
from igrs_codec.bsld.frame import Bolt
from tests.integration.assist import PIN, choose, heard, say
from tests.integration.home import EVENT, LOCK, Home

MANUAL: Final = Path(__file__).parents[2] / "docs/security-choices.md"
TRANSLATIONS: Final = Path(sentences.__file__).parent / "translations"

LOCKS: Final = [
    ("en", "lock the front door"),
    ("de", "schließe die Haustür ab"),
    ("es", "cierra con llave la puerta principal"),
    ("zh-CN", "锁上前门"),
]
UNLOCKS: Final = [
    ("en", "unlock the front door"),
    ("de", "entsperre die Haustür"),
    ("es", "abre la puerta principal"),
    ("zh-CN", "解锁前门"),
]
QUERIES: Final = [
    ("en", "is the front door locked", "Yes"),
    ("de", "ist die Haustür abgeschlossen", "Ja"),
    ("es", "está la puerta principal cerrada con llave", "Sí"),
    ("zh-CN", "前门锁了吗", "是的"),
]
WITH_PIN: Final = [
    ("en", "Unlock the front door with PIN 2580"),
    ("en", "unlock the front door, with my pin two five eight zero."),
    ("en", "use code 2 5 8 0 to unlock the front door"),
    ("de", "Entsperre die Haustür mit der PIN 2580"),
    ("de", "schließ die Haustür mit dem Code zwei fünf acht null auf"),
    ("es", "abre la puerta principal con el código 2580"),
    ("es", "desbloquea la puerta principal con el pin dos cinco ocho cero"),
    ("zh-CN", "用密码2580打开前门"),
    ("zh-CN", "打开前门\N{FULLWIDTH COMMA}密码是二五八零"),
]


@pytest.mark.parametrize(("language", "text"), UNLOCKS)
async def test_unlock(spoken_to: Home, language: str, text: str) -> None:
    """Without a PIN, where the owner wants it so, the plain sentence unlocks."""
    choose(spoken_to, "without_pin")

    response = await say(spoken_to, text, language)

    assert response.response_type is intent.IntentResponseType.ACTION_DONE
    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED
    assert [target.id for target in response.success_results] == [LOCK]


@pytest.mark.parametrize(("language", "text"), LOCKS)
async def test_lock(spoken_to: Home, language: str, text: str) -> None:
    """To lock nobody is asked for a PIN."""
    await spoken_to.call("unlock")

    response = await say(spoken_to, text, language)

    assert response.response_type is intent.IntentResponseType.ACTION_DONE
    assert spoken_to.lock.state.bolt is Bolt.LOCKED


@pytest.mark.parametrize(("language", "text", "answer"), QUERIES)
async def test_query(spoken_to: Home, language: str, text: str, answer: str) -> None:
    """A question is answered from the state, without a connection."""
    response = await say(spoken_to, text, language)

    assert response.response_type is intent.IntentResponseType.QUERY_ANSWER
    assert heard(response).startswith(answer)
    assert spoken_to.radio.traffic.connections == 0


@pytest.mark.parametrize(("language", "text"), WITH_PIN)
async def test_unlock_with_pin(spoken_to: Home, language: str, text: str) -> None:
    """With the PIN in the sentence the lock unlocks, and the event says it was a voice."""
    choose(spoken_to, "with_pin")

    await say(spoken_to, text, language)

    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED
    assert spoken_to.state().attributes["changed_by"] == "voice"


def test_languages() -> None:
    """There is a sentence with a PIN in each of the four languages."""
    assert set(sentences.SENTENCES) == {language.partition("-")[0] for language, _ in WITH_PIN}


@pytest.mark.parametrize(("language", "text"), UNLOCKS)
async def test_pin_is_missing(spoken_to: Home, language: str, text: str) -> None:
    """By default a plain sentence does not unlock; the answer says what is missing."""
    choose(spoken_to, "with_pin")

    response = await say(spoken_to, text, language)

    assert response.response_type is intent.IntentResponseType.ERROR
    assert spoken_to.lock.state.bolt is Bolt.LOCKED
    event = spoken_to.state(EVENT).attributes
    assert (event["event_type"], event["method"]) == ("denied", "voice")
    assert event["reason"] == "voice_needs_pin"


async def test_other_language(
    spoken_to: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The sentences that the manual has for another language work."""
    choose(spoken_to, "with_pin")
    (text,) = re.findall(r"```yaml\n(language: fr.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    folder = tmp_path / "custom_sentences/fr"
    folder.mkdir(parents=True)
    (folder / "igrs.yaml").write_text(text, "utf-8")
    monkeypatch.setattr(spoken_to.hass.config, "config_dir", str(tmp_path))

    response = await say(spoken_to, f"ouvre la Front door avec le code {PIN}", "fr")

    assert heard(response) == "Front door est déverrouillée"
    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize(
    ("language", "name"),
    [("en-GB", "en"), ("de-AT", "de"), ("es-MX", "es"), ("zh-CN", "zh-Hans"), ("tlh", "en")],
)
async def test_language_of_the_answer(hass: HomeAssistant, language: str, name: str) -> None:
    """A refusal is said in the language that is spoken, else in English."""
    texts = json.loads((TRANSLATIONS / f"{name}.json").read_text("utf-8"))["exceptions"]
    far = LockError(Reason.OUT_OF_RANGE, why="because of the walls")

    said = await async_said(hass, LockError(Reason.VOICE_NEEDS_PIN), language)
    explained = await async_said(hass, far, language)

    assert said == texts["voice_needs_pin"]["message"]
    assert explained == texts["out_of_range"]["message"].format(why="").strip()
