"""What stores and validators demand of the repository, as far as it can be told from files.

The validators themselves (hassfest, and that of the custom stores) run in the workflows only.
"""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
import struct
import subprocess
import tomllib
from typing import Any, Final

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.const import __version__ as home_assistant_version
from homeassistant.setup import BASE_PLATFORMS
import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
INTEGRATION: Final = ROOT / "custom_components/igrs"

# Components that need no entry among the dependencies, as the validator has it.
ALWAYS_THERE: Final = BASE_PLATFORMS | {"diagnostics", "homeassistant", "logbook", "repairs"}
"""What no core integration declares either."""

# Split, because this file is looked at, too.
PACKAGE_HOSTS: Final = ("pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js.org")
PLACES: Final = re.compile(r"/" + r"work\b|\.\./" + r"shared|/" + r"root/|(?<!\.demo)/home/[a-z]")

SLUG: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
TRANSLATED: Final = {
    *("common", "conditions", "config", "config_panel", "config_subentries", "device"),
    *("device_automation", "entity", "entity_component", "exceptions", "issues", "options"),
    *("selector", "services", "system_health", "title", "triggers"),
}


def load(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def manifest() -> dict[str, Any]:
    """Return the manifest of the integration."""
    loaded: dict[str, Any] = load(INTEGRATION / "manifest.json")
    return loaded


def test_manifest_keys(manifest: dict[str, Any]) -> None:
    """The domain stands first, then the name, then all other keys in order."""
    keys = list(manifest)

    assert keys == ["domain", "name", *sorted(set(keys) - {"domain", "name"})]
    assert manifest["domain"] == INTEGRATION.name
    assert {"codeowners", "config_flow", "documentation", "iot_class", "issue_tracker"} <= set(keys)
    assert manifest["integration_type"] == "hub"
    assert manifest["iot_class"] == "local_push"
    assert manifest["requirements"] == []


def test_manifest_version(manifest: dict[str, Any]) -> None:
    """The integration and the distribution carry one version, which stores can compare."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert manifest["version"] == project["version"]
    assert AwesomeVersion(manifest["version"]).strategy is AwesomeVersionStrategy.SEMVER


def test_manifest_bluetooth(manifest: dict[str, Any]) -> None:
    """A Bluetooth matcher has known keys, and its UUIDs are in lower case."""
    known = {"connectable", "local_name", "manufacturer_data_start", "manufacturer_id"}
    uuids = {"service_data_uuid", "service_uuid"}

    assert manifest["bluetooth"]
    for matcher in manifest["bluetooth"]:
        assert set(matcher) <= known | uuids
        assert all(matcher[key] == matcher[key].lower() for key in uuids & set(matcher))


def components(path: Path) -> Iterator[str]:
    """Return the components of Home Assistant that a module imports."""
    prefix = "homeassistant.components."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(level=0, module="homeassistant.components", names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(level=0, module=str(module)) if module.startswith(prefix):
                yield module.removeprefix(prefix).partition(".")[0]
            case _:
                pass


def test_dependencies(manifest: dict[str, Any]) -> None:
    """A component that is imported is a dependency, or always there."""
    declared = {*manifest["dependencies"], *manifest.get("after_dependencies", ())}
    if "bluetooth_adapters" in declared:
        declared.add("bluetooth")
    declared |= {key for key in ("bluetooth", "zeroconf") if key in manifest}
    used = {name for path in INTEGRATION.glob("*.py") for name in components(path)}

    assert used - declared - ALWAYS_THERE == set()


def test_hacs() -> None:
    """The file of the custom stores has known keys, and a release that exists."""
    content = load(ROOT / "hacs.json")

    assert set(content) == {"name", "homeassistant"}
    assert AwesomeVersion(content["homeassistant"]) <= AwesomeVersion(home_assistant_version)


def slugs(value: Any) -> Iterator[str]:
    """Return all keys of a nested object."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from slugs(inner)


def test_translation_keys() -> None:
    """Translations have known sections, and slugs as keys."""
    for path in (INTEGRATION / "translations").glob("*.json"):
        content = load(path)

        assert set(content) <= TRANSLATED
        assert [key for key in slugs(content) if not SLUG.fullmatch(key)] == []


@pytest.mark.parametrize(("name", "size"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_brand(name: str, size: int) -> None:
    """The icon is a square PNG of the size that the frontend wants."""
    content = (INTEGRATION / "brand" / name).read_bytes()

    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack_from(">II", content, 16) == (size, size)


def tracked() -> list[Path]:
    """Return the files of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git repository")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_files_name_no_machine() -> None:
    """No file names the host of a package registry, or a place on somebody's machine."""
    found = []
    for path in tracked():
        if path.is_symlink() or not path.is_file() or path.suffix == ".png":
            continue
        text = path.read_text(encoding="utf-8")
        if any(host in text for host in PACKAGE_HOSTS) or PLACES.search(text):
            found.append(str(path.relative_to(ROOT)))

    assert found == []


def test_json_files() -> None:
    """Every JSON file can be read."""
    for path in tracked():
        if path.suffix == ".json" and path.is_file():
            load(path)


def test_license() -> None:
    """The licence is the verbatim text, which stores recognise."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert text.split()[:3] == ["Apache", "License", "Version"]
    assert "END OF TERMS AND CONDITIONS" in text
