"""Each action and each of its fields is described, with a selector and an icon."""

import json
from pathlib import Path
from typing import Any, Final

from homeassistant.helpers.selector import SelectSelector, selector, validate_selector
from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.igrs.services import ACTIONS

FOLDER: Final = Path(__file__).parents[2] / "custom_components/igrs"
DESCRIBED: Final = load_yaml_dict(str(FOLDER / "services.yaml"))
TEXTS: Final = json.loads((FOLDER / "translations/en.json").read_text(encoding="utf-8"))
ICONS: Final = json.loads((FOLDER / "icons.json").read_text(encoding="utf-8"))


def test_same_actions() -> None:
    """What is registered is described, named and has an icon; nothing else is."""
    assert set(ACTIONS) == set(DESCRIBED) == set(TEXTS["services"]) == set(ICONS["services"])


@pytest.mark.parametrize("action", ACTIONS)
def test_fields(action: str) -> None:
    """The form has the fields of the schema, those that are needed marked as such."""
    shown: dict[str, Any] = DESCRIBED[action].get("fields", {})
    texts = TEXTS["services"][action]
    schema = {str(key): key for key in ACTIONS[action].fields}

    assert DESCRIBED[action]["target"] == {"entity": [{"integration": "igrs", "domain": "lock"}]}
    assert texts["name"]
    assert texts["description"]
    assert set(shown) == set(schema) == set(texts.get("fields", {}))
    for name, field in shown.items():
        validate_selector(field["selector"])
        assert field.get("required", False) == (type(schema[name]).__name__ == "Required")
        assert texts["fields"][name]["name"]
        assert texts["fields"][name]["description"]
        options = selector(field["selector"])
        if isinstance(options, SelectSelector):
            key = options.config["translation_key"]
            assert set(options.config["options"]) == set(TEXTS["selector"][key]["options"])
