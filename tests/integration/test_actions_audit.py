"""The actions about the server's audit."""

import pytest

from tests.integration.actions import act
from tests.integration.home import DEVICE_ID, Home


async def test_audit(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit of a lock is exported in order, in parts, and without anything of logins."""
    monkeypatch.setattr("ras_server.application.audits._LIMIT", 3)
    whole = await act(home, "export_audit")
    part = await act(home, "export_audit", limit=2)
    rest = await act(home, "export_audit", after=part["after"])

    assert whole["after"] is None
    assert part["entries"] + rest["entries"] == whole["entries"]
    entries = [each["entry"] for each in whole["entries"]]
    assert {entry["object"] for entry in entries} == {f"dev:{DEVICE_ID}"}
    assert "ticket.issue" in {entry["action"] for entry in entries}
    assert all(len(each["hash"]) == 64 for each in whole["entries"])


async def test_verify_audit(home: Home) -> None:
    """The chain is checked, and that it goes on from what this home has witnessed."""
    checked = await act(home, "verify_audit")
    assert (checked["ok"], checked["agrees_with_witness"]) == (True, True)
    assert checked["first_bad"] is None

    number, _ = home.gateway.memory.audit_head or (0, "")
    home.gateway.memory.audit_head = (number, "00" * 32)
    checked = await act(home, "verify_audit")

    assert (checked["ok"], checked["agrees_with_witness"]) == (False, False)

    home.gateway.memory.audit_head = None
    checked = await act(home, "verify_audit")
    assert (checked["ok"], checked["agrees_with_witness"]) == (True, None)
