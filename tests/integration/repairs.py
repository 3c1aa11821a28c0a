"""What is shown under Repairs, and a person who looks after it."""

from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir

from custom_components.igrs.issues import Trouble
from custom_components.igrs.repairs import Seen, async_create_fix_flow
from tests.integration.home import Home


def raised(home: Home) -> set[str]:
    """Return the kinds of trouble that are shown."""
    issues = ir.async_get(home.hass).issues.values()
    return {issue.translation_key or "" for issue in issues if issue.domain == "igrs"}


async def seen(home: Home, trouble: Trouble, about: str = "") -> None:
    """Say that the trouble was looked at."""
    data = {"entry_id": home.entry.entry_id, "trouble": trouble.value, "about": about}
    flow = await async_create_fix_flow(home.hass, "", dict(data))
    assert isinstance(flow, Seen)
    flow.hass, flow.handler, flow.issue_id = home.hass, "igrs", ""
    form = await flow.async_step_init()
    assert form["type"] is FlowResultType.FORM
    assert (await flow.async_step_confirm({}))["type"] is FlowResultType.CREATE_ENTRY
