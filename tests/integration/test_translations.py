"""Every text that the code names exists, with the placeholders that the code gives it."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any, Final

import pytest

from custom_components.igrs import event, flow_errors
from custom_components.igrs.action_errors import Wrong
from custom_components.igrs.asker import How
from custom_components.igrs.errors import Reason
from custom_components.igrs.issues import CONFIRMED, Trouble
from custom_components.igrs.operations import REFUSALS

INTEGRATION: Final = Path(flow_errors.__file__).parent
TEXTS: Final[dict[str, Any]] = json.loads(
    (INTEGRATION / "translations/en.json").read_text(encoding="utf-8")
)
ICONS: Final[dict[str, Any]] = json.loads((INTEGRATION / "icons.json").read_text(encoding="utf-8"))

# What a connection for a registration can fail with, and nothing else in a flow.
CONNECTING: Final = ("link.py", "registration.py")


def tree(name: str) -> ast.Module:
    """Return a module of the integration."""
    return ast.parse((INTEGRATION / name).read_text(encoding="utf-8"))


def nodes[N: ast.AST](kind: type[N], *names: str) -> Iterator[N]:
    """Return the nodes of a kind in some modules, or in all."""
    for name in names or [path.name for path in INTEGRATION.glob("*.py")]:
        yield from (node for node in ast.walk(tree(name)) if isinstance(node, kind))


def argument(call: ast.Call, name: str) -> ast.expr | None:
    """Return a keyword argument of a call."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def texts_of(value: ast.expr | None) -> set[str]:
    """Return the string constants of an expression."""
    return {
        node.value
        for node in ast.walk(value or ast.Constant(None))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def placeholders(text: str) -> set[str]:
    """Return the placeholders of a text."""
    return set(re.findall(r"{(\w+)}", text))


def flow_of(module: str) -> dict[str, Any]:
    """Return the texts of the flows of a module: both kinds share lock_flow.py."""
    config, lock = TEXTS["config"], TEXTS["config_subentries"]["lock"]
    if module == "config_flow.py":
        return {"abort": config["abort"], "step": config["step"]}
    return {
        "abort": config["abort"] | lock["abort"],
        "step": config["step"] | {"user": lock["step"]["user"]},
    }


@pytest.mark.parametrize("module", ["config_flow.py", "lock_flow.py"])
def test_abort_reasons(module: str) -> None:
    """A flow never ends with a reason that has no text."""
    named = set()
    for call in nodes(ast.Call, module):
        named |= texts_of(argument(call, "reason"))

    assert named <= set(flow_of(module)["abort"])


def test_no_text_without_use() -> None:
    """A text that nobody shows is not kept."""
    used = set()
    for call in nodes(ast.Call, "config_flow.py", "lock_flow.py"):
        for part in [*call.args, *(keyword.value for keyword in call.keywords)]:
            used |= texts_of(part)
    for assign in nodes(ast.Assign, "lock_flow.py"):
        used |= texts_of(assign.value)
    by_home_assistant = {"already_configured", "already_in_progress", "reconfigure_successful"}

    assert set(TEXTS["config"]["abort"]) <= used | by_home_assistant
    assert set(TEXTS["config_subentries"]["lock"]["abort"]) <= used | by_home_assistant


def form_errors() -> set[str]:
    """Return the keys of all errors that a form can show."""
    keys = {key for _, key in flow_errors._REFUSALS.values()}
    for function in nodes(ast.FunctionDef, "flow_errors.py"):
        keys |= {
            text
            for assign in ast.walk(function)
            if isinstance(assign, ast.Assign)
            for text in texts_of(assign.value)
        }
    for call in nodes(ast.Call, "config_flow.py"):
        if isinstance(call.func, ast.Name) and call.func.id == "Problem":
            keys |= {
                text
                for arg in call.args
                if isinstance(arg, ast.Dict)
                for value in arg.values
                for text in texts_of(value)
            }
    return keys - {"base", "code", ""}


def connection_errors() -> set[str]:
    """Return the keys of the errors of a connection."""
    return {
        Reason[node.attr].value
        for node in nodes(ast.Attribute, *CONNECTING)
        if isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }


def test_form_errors() -> None:
    """Every error of a form has a text, and every text an error."""
    login_only = {
        "insecure_url",
        "invalid_account",
        "login_expired",
        "server_not_genuine",
        "wrong_code",
    }

    assert form_errors() | connection_errors() == set(TEXTS["config"]["error"])
    assert set(TEXTS["config_subentries"]["lock"]["error"]) == (
        set(TEXTS["config"]["error"]) - login_only
    )


def test_placeholders_of_form_errors() -> None:
    """The texts of forms use what the forms fill in."""
    for errors in (TEXTS["config"]["error"], TEXTS["config_subentries"]["lock"]["error"]):
        used = {key: placeholders(text) for key, text in errors.items() if placeholders(text)}

        assert used == {
            "refused": {"code"},
            "no_slot": {"why"},
            "not_connected": {"why"},
            "out_of_range": {"why"},
        }


@pytest.mark.parametrize(
    ("steps", "module"),
    [
        pytest.param(TEXTS["config"]["step"], "config_flow.py", id="account"),
        pytest.param(TEXTS["config_subentries"]["lock"]["step"], "lock_flow.py", id="lock"),
    ],
)
def test_steps(steps: dict[str, Any], module: str) -> None:
    """Every form has a title, and every field a name and an explanation."""
    for name, step in steps.items():
        assert step["title"], name
        assert set(step.get("data", {})) == set(step.get("data_description", {})), name
    shown = set()
    for call in nodes(ast.Call, module):
        for part in [argument(call, "step_id"), *call.args[:1]]:
            shown |= texts_of(part)

    assert shown & set(steps)


def test_placeholders_of_steps() -> None:
    """The descriptions of the forms use what the forms fill in."""
    steps = TEXTS["config"]["step"]

    assert {key: placeholders(json.dumps(step)) for key, step in steps.items()} == {
        "account": {"url"},
        "adopt": {"device_id", "name"},
        "certificate": {"fingerprint", "url"},
        "reconfigure": set(),
        "register": {"device_id", "name"},
        "second_factor": set(),
        "user": set(),
        "zeroconf_confirm": {"url"},
    }


def raised() -> Iterator[tuple[str, set[str]]]:
    """Return the translation keys of raised errors, and the placeholders they are given."""
    for call in nodes(ast.Call):
        key, given = argument(call, "translation_key"), argument(call, "translation_placeholders")
        if argument(call, "translation_domain"):
            keys = given.keys if isinstance(given, ast.Dict) else []
            names = {text for name in keys for text in texts_of(name)}
            yield from ((text, names) for text in texts_of(key))
        match call.func, call.args:
            case ast.Name("LockError"), [ast.Attribute(ast.Name("Reason"), name), *_]:
                yield Reason[name].value, {str(keyword.arg) for keyword in call.keywords}
            case ast.Name("ActionError"), [ast.Attribute(ast.Name("Wrong"), name), *_]:
                yield Wrong[name].value, {str(keyword.arg) for keyword in call.keywords}
            case _:
                pass


def test_exceptions() -> None:
    """Every error that Home Assistant shows has a text with the right placeholders."""
    messages = {key: text["message"] for key, text in TEXTS["exceptions"].items()}
    keys = {key for key, _ in raised()}

    assert set(Reason) | set(Wrong) | keys == set(messages)
    for key, given in raised():
        assert placeholders(messages[key]) == given, key


def test_errors_are_translated() -> None:
    """No error of Home Assistant is raised with a text of its own."""
    told = {
        "ConfigEntryAuthFailed",
        "ConfigEntryError",
        "ConfigEntryNotReady",
        "HomeAssistantError",
        "ServiceValidationError",
        "UpdateFailed",
    }
    for call in nodes(ast.Call):
        if isinstance(call.func, ast.Name) and call.func.id in told:
            assert argument(call, "translation_key") is not None, ast.unparse(call)


def test_entities() -> None:
    """Every translation key of an entity has a name and an icon."""
    for platform in ("binary_sensor", "button", "event", "number", "sensor"):
        keys = {
            text
            for assign in nodes(ast.Assign, f"{platform}.py")
            if ast.unparse(assign.targets[0]) == "_attr_translation_key"
            for text in texts_of(assign.value)
        }
        for call in nodes(ast.Call, f"{platform}.py"):
            keys |= texts_of(argument(call, "translation_key"))

        assert keys == set(TEXTS["entity"][platform]) == set(ICONS["entity"][platform])
        assert all(text["name"] for text in TEXTS["entity"][platform].values())


def test_events() -> None:
    """Every type of event has a text."""
    texts = TEXTS["entity"]["event"]["access"]["state_attributes"]["event_type"]["state"]
    icons = ICONS["entity"]["event"]["access"]["state_attributes"]["event_type"]["state"]

    assert {*event.EVENTS.values(), event.DENIED, event.ASKED} == set(texts)
    assert set(icons) <= set(texts)


def test_ways() -> None:
    """Every way to a bolt, and every reason of a refusal, has a text."""
    told = TEXTS["entity"]["event"]["access"]["state_attributes"]

    assert set(told["method"]["state"]) == set(How)
    assert set(TEXTS["entity"]["sensor"]["last_method"]["state"]) == set(How)
    assert {reason.value for reason in REFUSALS} <= set(told["reason"]["state"])


def test_issues() -> None:
    """Every issue has a text; those that a person ends have a form for it."""
    issues = TEXTS["issues"]

    assert set(issues) == set(Trouble)
    for trouble in Trouble:
        assert issues[trouble]["title"]
        assert ("fix_flow" in issues[trouble]) == (trouble in CONFIRMED)
