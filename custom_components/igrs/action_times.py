"""Times as people write them in actions, and as the RAS does."""

from datetime import datetime

from homeassistant.util import dt as dt_util


def unix(value: datetime) -> int:
    """Return Unix seconds; a time without a zone is one of the home's."""
    return int(dt_util.as_utc(value).timestamp())


def iso(at: int | None) -> str | None:
    """Return a time of Unix seconds in the home's zone."""
    return None if at is None else dt_util.as_local(dt_util.utc_from_timestamp(at)).isoformat()
