"""The integration stands to each rule of the quality scale as quality_scale.yaml says."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any, Final

from homeassistant.const import Platform
from homeassistant.util.yaml import load_yaml_dict
import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
INTEGRATION: Final = ROOT / "custom_components/igrs"
ENGLISH: Final[dict[str, Any]] = json.loads(
    (INTEGRATION / "translations/en.json").read_text(encoding="utf-8")
)
ANSWERS: Final[dict[str, Any]] = load_yaml_dict(str(INTEGRATION / "quality_scale.yaml"))["rules"]

# The rules of November 2026: bronze, silver, gold, platinum.
RULES: Final = """
    action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
    dependency-transparency docs-actions docs-conditions docs-high-level-description
    docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup
    entity-unique-id has-entity-name runtime-data test-before-configure test-before-setup
    unique-config-entry

    action-exceptions config-entry-unloading docs-configuration-parameters
    docs-installation-parameters entity-unavailable integration-owner log-when-unavailable
    parallel-updates reauthentication-flow test-coverage

    devices diagnostics discovery discovery-update-info docs-data-update docs-examples
    docs-known-limitations docs-supported-devices docs-supported-functions docs-troubleshooting
    docs-use-cases dynamic-devices entity-category entity-device-class entity-disabled-by-default
    entity-translations exception-translations icon-translations reconfiguration-flow
    repair-issues stale-devices

    async-dependency inject-websession strict-typing
"""

# A file, a test in it, or a heading of it.
_EVIDENCE: Final = re.compile(r"(?P<path>[\w./@-]+\.\w+)(?:::(?P<test>\w+)|#(?P<heading>[\w-]+))?")


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Return the modules of the integration, by name, without the codec."""
    for path in sorted(INTEGRATION.glob("*.py")):
        yield path.name, ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """Return the calls of a function or method with a name."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    ]


def callers(name: str) -> set[str]:
    """Return the modules that call something."""
    return {module for module, tree in modules() if calls(tree, name)}


def derived_from(tree: ast.Module, *bases: str) -> list[ast.ClassDef]:
    """Return the classes that name one of these bases."""
    return [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base).partition("[")[0] for base in node.bases} & set(bases)
    ]


def text_of(path: Path) -> str:
    """Return a text file."""
    return path.read_text(encoding="utf-8")


def headings(path: Path) -> set[str]:
    """Return the headings of a page, as links to them write them."""
    titles = re.findall(r"^#+ (.*)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_rules() -> None:
    """Every rule has its answer, in the order of the tiers, and nothing is left to do."""
    assert len(ANSWERS) == 54
    assert list(ANSWERS) == RULES.split()
    assert {answer["status"] for answer in ANSWERS.values()} == {"done", "exempt"}


@pytest.mark.parametrize("rule", ANSWERS)
def test_reason(rule: str) -> None:
    """What is done names where that is seen, and what is exempt says why."""
    comment = ANSWERS[rule]["comment"]
    evidence = list(_EVIDENCE.finditer(comment))

    assert evidence or (ANSWERS[rule]["status"] == "exempt" and len(comment.split()) > 4)
    for found in evidence:
        path = ROOT / found["path"]
        assert path.is_file(), found[0]
        if found["test"]:
            assert re.search(rf"^(async )?def {found['test']}\(", text_of(path), re.MULTILINE), (
                found[0]
            )
        if found["heading"]:
            assert found["heading"] in headings(path), found[0]


# Bronze


def test_action_setup() -> None:
    """Actions exist whether or not an entry is loaded: they are registered in async_setup."""
    registering = {
        name
        for name, tree in modules()
        if calls(tree, "async_register_platform_entity_service")
        or any("services" in ast.unparse(call.func) for call in calls(tree, "async_register"))
    }
    (setup,) = (
        node
        for node in dict(modules())["__init__.py"].body
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "async_setup"
    )

    assert registering == {"services.py"}
    assert "async_setup_services" in ast.unparse(setup)
    assert callers("async_setup_services") == {"__init__.py"}


def test_appropriate_polling() -> None:
    """Nothing is polled, and nobody is asked for an interval."""
    for _, tree in modules():
        assert "update_interval" not in {
            keyword.arg for call in calls(tree, "__init__") for keyword in call.keywords
        }
        assert "SCAN_INTERVAL" not in ast.unparse(tree)
    assert "interval" not in json.dumps(
        [list(step.get("data", {})) for step in ENGLISH["config"]["step"].values()]
    )


def test_common_modules() -> None:
    """The coordinator and the base of the entities are where everybody looks for them."""
    coordinators = {name for name, tree in modules() if derived_from(tree, "DataUpdateCoordinator")}
    bases = {name for name, tree in modules() if derived_from(tree, "CoordinatorEntity")}

    assert coordinators == {"coordinator.py"}
    assert bases == {"entity.py"}


def test_runtime_data() -> None:
    """What an entry runs is its runtime data, with a type."""
    for name, tree in modules():
        assert "hass.data" not in ast.unparse(tree), name
    assert "type IgrsConfigEntry = ConfigEntry[Gateway]" in text_of(INTEGRATION / "gateway.py")


def test_entity_event_setup() -> None:
    """Entities subscribe when they are added, not when they are made."""
    for platform in Platform:
        if (path := INTEGRATION / f"{platform}.py").exists():
            for node in ast.walk(ast.parse(text_of(path))):
                if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                    assert not re.search(
                        r"async_(on|add|listen|track|call_later)", ast.unparse(node)
                    )


# Silver


def platforms() -> list[str]:
    """Return the modules of the platforms."""
    return [f"{platform}.py" for platform in Platform if (INTEGRATION / f"{platform}.py").exists()]


def test_parallel_updates() -> None:
    """Every platform says how much may go on at once: each lock has a queue of its own."""
    assert len(platforms()) >= 7
    for platform in platforms():
        assert re.search(r"^PARALLEL_UPDATES = 0\b", text_of(INTEGRATION / platform), re.MULTILINE)


def test_action_exceptions() -> None:
    """What a person asks for and fails is raised, never swallowed."""
    asked = {
        *("async_lock", "async_unlock", "async_open", "async_press", "async_set_native_value"),
        *("async_install", "async_turn_on", "async_turn_off"),
    }
    for name in platforms():
        for node in ast.walk(ast.parse(text_of(INTEGRATION / name))):
            if isinstance(node, ast.AsyncFunctionDef) and node.name in asked:
                for handler in (
                    each for each in ast.walk(node) if isinstance(each, ast.ExceptHandler)
                ):
                    assert any(isinstance(each, ast.Raise) for each in ast.walk(handler)), name


# Documentation


def documented() -> str:
    """Return all pages of the documentation."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    return "\n".join(text_of(page) for page in pages)


def actions() -> dict[str, Any]:
    """Return the actions and their fields."""
    return load_yaml_dict(str(INTEGRATION / "services.yaml"))


def test_docs_actions() -> None:
    """Every action and every field of it has its place in the documentation."""
    pages = documented()
    fields = {name: set((action or {}).get("fields", {})) for name, action in actions().items()}

    assert [name for name in fields if f"`igrs.{name}`" not in pages] == []
    assert [
        f"{name}: {field}" for name in fields for field in fields[name] if f"`{field}`" not in pages
    ] == []


def test_docs_parameters() -> None:
    """Every field of every form is explained under the name that it has there."""
    page = text_of(ROOT / "docs/home-assistant.md")
    forms = [ENGLISH["config"], ENGLISH["options"], *ENGLISH["config_subentries"].values()]
    names = {
        name
        for form in forms
        for step in form["step"].values()
        for name in step.get("data", {}).values()
    }

    assert {name for name in names if f"| {name} |" not in page} == set()


def test_docs_issues() -> None:
    """Every repair is in the troubleshooting, by its name."""
    page = documented()
    titles = [issue["title"].replace("{name}", "*lock*") for issue in ENGLISH["issues"].values()]

    assert [title for title in titles if title not in page] == []


def test_docs_entities() -> None:
    """Every entity is in the table of entities."""
    page = text_of(ROOT / "docs/entities.md")
    names = [
        entity["name"] for platform in ENGLISH["entity"].values() for entity in platform.values()
    ]

    assert [name for name in names if name.partition(" (")[0] not in page] == []


def test_images() -> None:
    """Every picture that a page shows is there, and every picture is shown."""
    shown = set(re.findall(r"\((?:docs/)?images/([\w-]+\.png)\)", documented()))

    assert shown == {path.name for path in (ROOT / "docs/images").iterdir()}


# Gold and platinum


def test_icon_translations() -> None:
    """Icons are in icons.json, not in the code."""
    for name, tree in modules():
        assert "_attr_icon" not in ast.unparse(tree), name
        assert "mdi:" not in ast.unparse(tree), name


def test_async_dependency() -> None:
    """Nothing leaves the loop, except to derive keys from what a person has typed."""
    for name, tree in modules():
        for call in [*calls(tree, "async_add_executor_job"), *calls(tree, "to_thread")]:
            assert ast.unparse(call.args[0]) in {"client_final", "sealed", "is_sealed_as"}, name


def test_inject_websession() -> None:
    """The session of HTTP is Home Assistant's."""
    assert callers("ClientSession") == set()


def test_strict_typing() -> None:
    """Mypy looks at the integration, strictly."""
    settings = text_of(ROOT / "pyproject.toml").partition("[tool.mypy]")[2]

    assert "strict = true" in settings
    assert '"custom_components/igrs"' in settings


def test_no_reload_by_two() -> None:
    """Who listens to changes of the entry reloads it; no flow does as well (ends in 2026.12)."""
    assert callers("add_update_listener") == {"__init__.py"}
    assert callers("async_update_reload_and_abort") == set()
    for _, tree in modules():
        for call in calls(tree, "_abort_if_unique_id_configured"):
            assert not call.args
            assert not call.keywords
