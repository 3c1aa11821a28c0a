"""The templates of the console. They escape everything, and a missing value is an error."""

from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from ..errors import Code
from . import texts


@pass_context
def _when(context: Context, at: int | None) -> str:
    """Return Unix seconds as the visitor's own time."""
    if at is None:
        return "-"
    return f"{datetime.fromtimestamp(at, UTC).astimezone(context['zone']):%Y-%m-%d %H:%M}"


@pass_context
def _ago(context: Context, at: int | None) -> str:
    """Return how long ago something was, in one unit."""
    if at is None:
        return "never"
    seconds = max(0, context["now"] - at)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def _verdict(result: int) -> str:
    """Return a result of the audit in words."""
    return "Yes" if result == Code.OK else texts.PROBLEMS.get(Code(result), f"Code {result}")


def _subject(subject: dict[str, Any]) -> str:
    """Return what a person or a gateway is called that is named in an object of the API."""
    account: dict[str, str] = subject.get("account") or {}
    ids = ("user_id", "gateway_id")
    return account.get("value") or subject.get("name") or next(filter(None, map(subject.get, ids)))


@pass_context
def _limits(context: Context, grant: dict[str, Any]) -> str:
    """Return what a grant is limited to, in words."""
    valid, uses = grant["valid"], grant["uses"]
    said = _times(context, valid)
    if uses["max"] is not None:
        said.append(f"{uses['spent']} of {uses['max']} uses")
    if grant["pin"]:
        said.append("with a PIN")
    if grant["second_person"]:
        said.append("with a second person")
    if grant["geofence"]:
        said.append(dict(texts.POLICIES)[grant["geofence"]["policy"]].lower())
    return ", ".join(said) or "-"


@pass_context
def _limits_of_guest(context: Context, guest: dict[str, Any]) -> str:
    """Return what a guest is told of the limits of his link."""
    said, left = _times(context, guest["valid"]), guest["uses_left"]
    if left is not None:
        said.append(f"{left} {'use' if left == 1 else 'uses'} left")
    if guest["second_person"]:
        said.append("somebody else has to agree each time")
    return ", ".join(said)


def _times(context: Context, valid: dict[str, Any]) -> list[str]:
    """Return from when to when and in which hours something holds, in words."""
    said = [
        f"{word} {_when(context, valid[word])}" for word in ("from", "until") if valid.get(word)
    ]
    hours = [texts.WEEKDAYS[day - 1] for day in valid.get("weekdays") or ()]
    hours += ["-".join(window) for window in valid.get("times") or ()]
    if hours:
        said.append(f"{' '.join(hours)} ({valid['tz']})")
    return said


def _keypad(digits: str) -> str:
    """Return the digits of a code in groups of four."""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


_environment: Final = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {
    "when": _when,
    "ago": _ago,
    "event": lambda name: texts.EVENTS.get(name, name),
    "record": lambda event: texts.RECORDS.get(event, f"Event {event}"),
    "method": lambda method: texts.METHODS.get(method, "-"),
    "verdict": _verdict,
    "limits": _limits,
    "limits_of_guest": _limits_of_guest,
    "subject": _subject,
    "keypad": _keypad,
}
_environment.globals |= {
    "navigation": texts.NAVIGATION,
    "rights": texts.RIGHTS,
    "names": texts.SECOND_FACTORS,
    "channels": texts.CHANNELS,
    "policies": texts.POLICIES,
    "weekdays": texts.WEEKDAYS,
    "windows": texts.WINDOWS,
    "verdicts": texts.VERDICTS,
    "sources": texts.SOURCES,
}


def render(template: str, **values: Any) -> str:
    """Return a template with its values."""
    return _environment.get_template(template).render(values)
