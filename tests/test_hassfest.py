"""What Home Assistant's own validator demands of an integration, said again in our words.

The validator itself runs in the workflows only.
"""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any, Final

from homeassistant import components
from homeassistant.helpers.selector import validate_selector
from homeassistant.util.yaml import load_yaml_dict
import pytest

INTEGRATION: Final = Path(__file__).resolve().parent.parent / "custom_components/igrs"
ENGLISH: Final[dict[str, Any]] = json.loads(
    (INTEGRATION / "translations/en.json").read_text(encoding="utf-8")
)
ICONS: Final[dict[str, Any]] = json.loads((INTEGRATION / "icons.json").read_text(encoding="utf-8"))
MANIFEST: Final[dict[str, Any]] = json.loads(
    (INTEGRATION / "manifest.json").read_text(encoding="utf-8")
)
SERVICES: Final = load_yaml_dict(str(INTEGRATION / "services.yaml"))

MANIFEST_KEYS: Final = {
    *("after_dependencies", "bluetooth", "codeowners", "config_flow", "dependencies", "dhcp"),
    *("documentation", "domain", "homekit", "integration_type", "iot_class", "issue_tracker"),
    *("loggers", "mqtt", "name", "quality_scale", "requirements", "single_config_entry", "ssdp"),
    *("usb", "version", "zeroconf"),
}
SLUG: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
STEP_KEYS: Final = {
    *("data", "data_description", "description", "menu_option_descriptions", "menu_options"),
    *("sections", "submit", "title"),
}
FLOW_KEYS: Final = {"abort", "create_entry", "error", "flow_title", "progress", "step"}


def test_manifest() -> None:
    """The manifest has known keys, and its addresses are those of the project."""
    assert set(MANIFEST) <= MANIFEST_KEYS
    assert MANIFEST["domain"] == INTEGRATION.name
    assert MANIFEST["documentation"].startswith("https://")
    assert "home-assistant.io/integrations" not in MANIFEST["documentation"]
    assert MANIFEST["issue_tracker"].startswith("https://")
    assert all(owner.startswith("@") for owner in MANIFEST["codeowners"])
    assert all(name == name.lower() and name.endswith(".") for name in MANIFEST["zeroconf"])
    for key in "dependencies", "after_dependencies":
        assert MANIFEST[key] == sorted(MANIFEST[key])
        assert all((Path(components.__file__).parent / name).is_dir() for name in MANIFEST[key])


def test_config_flow() -> None:
    """An integration that is discovered gives each discovery a unique identifier."""
    assert MANIFEST["config_flow"] is True
    assert "async_set_unique_id" in (INTEGRATION / "config_flow.py").read_text(encoding="utf-8")


def test_config_schema() -> None:
    """What has async_setup says that it takes nothing from YAML."""
    source = (INTEGRATION / "__init__.py").read_text(encoding="utf-8")

    assert "async def async_setup(" in source
    assert re.search(
        r"^CONFIG_SCHEMA.* = cv\.config_entry_only_config_schema\(DOMAIN\)", source, re.MULTILINE
    )


def fields(service: dict[str, Any] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the fields of a service, those in sections too."""
    for name, field in ((service or {}).get("fields") or {}).items():
        if "fields" in field:
            yield from field["fields"].items()
        else:
            yield name, field or {}


@pytest.mark.parametrize("name", SERVICES)
def test_service(name: str) -> None:
    """A service and its fields have valid selectors, a name, a description and an icon."""
    service, texts = SERVICES[name], ENGLISH["services"][name]

    assert SLUG.fullmatch(name)
    assert texts["name"]
    assert texts["description"]
    assert set(ICONS["services"][name]) <= {"service", "sections"}
    assert set(texts.get("fields", {})) == {field for field, _ in fields(service)}
    target = (service or {}).get("target", {})
    assert set(target) <= {"entity"}
    for field, about in fields(service):
        assert SLUG.fullmatch(field)
        assert "." not in field
        assert texts["fields"][field]["name"]
        assert texts["fields"][field]["description"]
        validate_selector(about["selector"])
        select = about["selector"].get("select") or {}
        if key := select.get("translation_key"):
            assert set(ENGLISH["selector"][key]["options"]) == set(select["options"])


def test_services() -> None:
    """What is registered, described, translated and drawn are the same services."""
    registered = {
        node.value
        for path in INTEGRATION.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        for node in call.args
        if isinstance(node, ast.Constant) and node.value in SERVICES
    }

    assert set(SERVICES) == set(ENGLISH["services"]) == set(ICONS["services"])
    assert registered <= set(SERVICES)
    for name in "triggers", "conditions":
        assert not (INTEGRATION / f"{name}.yaml").exists()


def flows() -> Iterator[dict[str, Any]]:
    """Return the texts of the flows."""
    yield from (ENGLISH["config"], ENGLISH["options"], *ENGLISH["config_subentries"].values())
    yield from (issue["fix_flow"] for issue in ENGLISH["issues"].values() if "fix_flow" in issue)


def test_flows() -> None:
    """The texts of a flow have known keys; a field that is explained has a name."""
    for flow in flows():
        assert set(flow) <= FLOW_KEYS | {"entry_type", "initiate_flow"}
        for step in flow["step"].values():
            assert set(step) <= STEP_KEYS
            assert set(step.get("data_description", {})) <= set(step.get("data", {}))


def test_subentries() -> None:
    """Each kind of subentry has a name, and a button that adds one."""
    for subentry in ENGLISH["config_subentries"].values():
        assert subentry["entry_type"]
        assert subentry["initiate_flow"]["user"]


def test_issues() -> None:
    """An issue has a title, and a description or a form."""
    for issue in ENGLISH["issues"].values():
        assert issue["title"]
        assert ("description" in issue) != ("fix_flow" in issue)


def icons(value: Any) -> Iterator[str]:
    """Return the icons of a nested object."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from icons(inner)
    else:
        yield value


def test_icons() -> None:
    """Icons are those of Material Design, under known keys."""
    assert set(ICONS) <= {"conditions", "entity", "services", "triggers"}
    assert all(re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", icon) for icon in icons(ICONS))


def test_exceptions() -> None:
    """A message of an error is one text, under a slug."""
    for key, text in ENGLISH["exceptions"].items():
        assert SLUG.fullmatch(key)
        assert set(text) == {"message"}
