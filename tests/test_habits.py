"""Habits that reviewers of Bluetooth integrations insist on, as far as the source shows them."""

import ast
import json
from pathlib import Path
import re
from typing import Final

from homeassistant.const import Platform
import pytest

INTEGRATION: Final = Path(__file__).resolve().parent.parent / "custom_components/igrs"
SOURCES: Final = {path.name: path.read_text(encoding="utf-8") for path in INTEGRATION.glob("*.py")}
PLATFORMS: Final = sorted(f"{name}.py" for name in Platform if f"{name}.py" in SOURCES)


def calls(name: str, source: str) -> list[ast.Call]:
    """Return the calls of a function or method in a module."""
    return [
        node
        for node in ast.walk(ast.parse(SOURCES[source]))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    ]


def test_bluetooth_is_home_assistants() -> None:
    """Nothing is scanned or connected to past Home Assistant, its proxies and its retries."""
    connecting = {name: found for name in SOURCES if (found := calls("establish_connection", name))}

    for name, source in SOURCES.items():
        assert not re.search(r"BleakScanner|\bBleakClient\(|hci\d|bluez", source), name
    assert list(connecting) == ["link.py"]
    for call in connecting["link.py"]:
        named = {keyword.arg for keyword in call.keywords}
        assert {"ble_device_callback", "disconnected_callback"} <= named
    assert "async_ble_device_from_address" in SOURCES["link.py"]


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_logs(name: str) -> None:
    """A message begins with a capital letter, ends without a period, and is put together late."""
    for level in ("debug", "info", "warning", "error", "exception"):
        for call in calls(level, name):
            if ast.unparse(call.func) != f"LOGGER.{level}":
                continue  # such as a step of a flow, or info of the server
            text = call.args[0]
            assert isinstance(text, ast.Constant), ast.unparse(call)
            message = str(text.value)
            assert message[0] == "%" or message[0].isupper(), message
            assert not message.endswith("."), message


def test_platforms() -> None:
    """The platforms are listed in order, and all that are there."""
    (listed,) = (
        ast.unparse(node)
        for node in ast.parse(SOURCES["__init__.py"]).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "PLATFORMS"
    )
    names = re.findall(r"Platform\.(\w+)", listed)

    assert names == sorted(names)
    assert [f"{name.lower()}.py" for name in names] == PLATFORMS
    for platform in PLATFORMS:
        assert "AddConfigEntryEntitiesCallback" in SOURCES[platform]


@pytest.mark.parametrize("name", PLATFORMS)
def test_attributes(name: str) -> None:
    """An entity has no attributes that its platform does not know: what is told are events."""
    assert "extra_state_attributes" not in SOURCES[name]
    assert "RestoreEntity" not in SOURCES[name]


def test_flow_fields() -> None:
    """Nobody is asked for a name, for an interval, or for a token."""
    texts = json.loads((INTEGRATION / "translations/en.json").read_text(encoding="utf-8"))
    flows = [texts["config"], texts["options"], *texts["config_subentries"].values()]
    fields = {
        field for flow in flows for step in flow["step"].values() for field in step.get("data", {})
    }

    assert fields
    assert not fields & {"name", "scan_interval", "interval", "token", "host", "address"}


def test_no_yaml() -> None:
    """Nothing is set up from YAML."""
    assert not [name for name in SOURCES if "async_setup_platform" in SOURCES[name]]
