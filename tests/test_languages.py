"""Every language says all that the English texts say, with the same placeholders."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any, Final

import pytest

TRANSLATIONS: Final = Path(__file__).resolve().parent.parent / "custom_components/igrs/translations"
LANGUAGES: Final = {
    *("de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "zh-Hans"),
}
SCRIPTS: Final = {
    "ja": r"[\u3040-\u30ff\u4e00-\u9fff]",
    "ko": r"[\uac00-\ud7a3]",
    "ru": r"[\u0400-\u04ff]",
    "zh-Hans": r"[\u4e00-\u9fff]",
}


def texts(value: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Return the texts of a nested object by their paths."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from texts(inner, (*path, key))
        else:
            yield ".".join((*path, key)), inner


def load(language: str) -> dict[str, str]:
    """Return the texts of a language by their paths, in their order."""
    return dict(texts(json.loads((TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8"))))


ENGLISH: Final = load("en")


def marks(text: str) -> list[str]:
    """Return what a text must have in every language: placeholders, code, addresses, lines."""
    return sorted(re.findall(r"{\w+}|`[^`{]*`|https?://[\w.:/-]*\w|\n", text))


def test_languages() -> None:
    """These languages are there."""
    assert {path.stem for path in TRANSLATIONS.glob("*.json")} == LANGUAGES


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_complete(language: str) -> None:
    """A language has the texts of the English one, in the same order."""
    assert list(load(language)) == list(ENGLISH)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_marks(language: str) -> None:
    """A text has the placeholders of the English one, and is as tidy."""
    for path, text in load(language).items():
        assert marks(text) == marks(ENGLISH[path]), path
        assert text == text.strip(), path
        assert "  " not in text, path
        assert not re.search(r"'{\w+}'|<[a-z/]|\[%key", text), path


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_translated(language: str) -> None:
    """A text is in its language; only names and single words may look like the English ones."""
    found = load(language)
    same = {path for path, text in found.items() if text == ENGLISH[path]}

    assert [path for path in same if len(ENGLISH[path].split()) > 2] == []
    assert len(same) < len(ENGLISH) / 20
    if script := SCRIPTS.get(language):
        untouched = {path for path, text in found.items() if not re.search(script, text)}
        assert {ENGLISH[path] for path in untouched} <= {"PIN", "{name}"}


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_one_word_for_one_thing(language: str) -> None:
    """What is called the same in English under the same key is called the same elsewhere."""
    found = load(language)
    names: dict[tuple[str, str], set[str]] = {}
    for path, text in ENGLISH.items():
        if not path.startswith(("services.", "selector.")):
            names.setdefault((path.rpartition(".")[2], text), set()).add(found[path])

    assert [name for name, told in names.items() if len(told) > 1] == []
