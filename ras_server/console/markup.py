"""The templates of the console. They escape everything, and a missing value is an error."""

from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from ..errors import Code
from .texts import (
    CHANNELS,
    EVENTS,
    METHODS,
    NAVIGATION,
    PROBLEMS,
    RECORDS,
    RIGHTS,
    SECOND_FACTORS,
)


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
    return "Yes" if result == Code.OK else PROBLEMS.get(Code(result), f"Code {result}")


def _subject(subject: dict[str, Any]) -> str:
    """Return whom a grant is given to."""
    account: dict[str, str] = subject.get("account", {})
    return account.get("value") or subject.get("name") or subject["user_id"]


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
    "event": lambda name: EVENTS.get(name, name),
    "record": lambda event: RECORDS.get(event, f"Event {event}"),
    "method": lambda method: METHODS.get(method, "-"),
    "verdict": _verdict,
    "subject": _subject,
}
_environment.globals |= {
    "navigation": NAVIGATION,
    "rights": RIGHTS,
    "names": SECOND_FACTORS,
    "channels": CHANNELS,
}


def render(template: str, **values: Any) -> str:
    """Return a template with its values."""
    return _environment.get_template(template).render(values)
