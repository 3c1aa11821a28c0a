"""The pages about the visitor's own account."""

from base64 import b32decode
import re
import time

import pytest

from ras_server.account import otp
from tests.ras_server.application.parts import Gateway
from tests.ras_server.client import ANNA, PASSWORD, Client
from tests.ras_server.console.reader import Reader

PAGE = "/console/account"


def code_now(secret: str) -> str:
    """Return what an authenticator app shows."""
    return otp.hotp(b32decode(secret), int(time.time()) // otp.STEP)


@pytest.fixture
async def anna(reader: Reader, owner: Client) -> Reader:
    """Return the browser of a person who is logged in elsewhere, too."""
    await reader.log_in(ANNA)
    return reader


async def test_name(anna: Reader, owner: Client) -> None:
    """A person changes his name."""
    await anna.get(PAGE)

    shown = await anna.send("/profile", display_name="Anna B.")

    assert "Saved." in shown.text
    assert (await owner.get("/v1/users/me")).data["display_name"] == "Anna B."


async def test_sessions(anna: Reader, owner: Client) -> None:
    """The login of another client is ended here; the own one by logging out."""
    shown = await anna.get(PAGE)
    assert "This console" in shown.text

    shown = await anna.send("/end")

    assert "That login has ended." in shown.text
    assert (await owner.get("/v1/users/me")).code == 1007


async def test_manager(anna: Reader, owner: Client, gateway: Gateway) -> None:
    """A gateway manages access when its owner says so, and no more when he withdraws it."""
    await anna.get(PAGE)

    allowed = await anna.send("/manage")
    assert "manages people and codes of your locks" in allowed.text
    assert (await owner.get(f"/v1/gateways/{gateway.id}")).data["manages"] is True

    withdrawn = await anna.send("/manage-no-more")
    assert "What it gave has ended." in withdrawn.text
    assert (await owner.get(f"/v1/gateways/{gateway.id}")).data["manages"] is False


async def test_gateways(anna: Reader, gateway: Gateway) -> None:
    """A gateway is listed and removed."""
    shown = await anna.get(PAGE)
    assert "Home" in shown.text
    assert "home assistant 1" in shown.text

    shown = await anna.send("/remove")

    assert "The gateway is removed." in shown.text
    assert (await gateway.client.get("/v1/devices")).code == 1007


async def test_time_zone(anna: Reader) -> None:
    """Times are shown in the zone that the visitor chooses; one that is none is refused."""
    await anna.get(PAGE)

    for zone in ("Nowhere", "../../etc/passwd", "Europe", ""):
        assert (await anna.send("/zone", zone=zone)).http == 400
    shown = await anna.send("/zone", zone="Asia/Tokyo")

    assert "times in Asia/Tokyo" in shown.text


async def test_audit(anna: Reader, owner: Client) -> None:
    """Every visitor reads in the audit what he did himself, the newest first, page by page."""
    for number in range(199):
        made = {"name": f"Phone {number}", "kind": "phone", "version": "1"}
        assert (await owner.post("/v1/gateways", made)).http == 201

    shown = await anna.get("/console/audit")
    assert shown.text.index("Phone 198") < shown.text.index("Phone 197")
    assert "Account made" not in shown.text
    earlier = await anna.get(f"/console/audit?before={shown.markup.split('?before=')[1][:1]}")

    assert "Account made" in earlier.text
    assert "Gateway added" not in earlier.text
    assert (await anna.get("/console/audit?before=x")).http == 400


async def test_authenticator_app(anna: Reader, owner: Client) -> None:
    """An app is set up with its first code; every login then asks for one of its codes."""
    await anna.get(PAGE)
    shown = await anna.send("/totp")
    assert 'src="data:image/svg+xml' in shown.markup
    secret = shown.form("/confirm").value("secret")
    recovery = [value for name, value in shown.form("/confirm").fields if name == "recovery"]
    assert len(recovery) == 10

    wrong = await anna.send("/confirm", code="000000")
    assert (wrong.http, secret in wrong.text) == (403, True)
    shown = await anna.send("/confirm", code=code_now(secret))
    assert "10 recovery codes are left." in shown.text

    await anna.send("/logout")
    await anna.send("/login", account=ANNA, password=PASSWORD)
    assert "authenticator app" in anna.shown.text
    shown = await anna.send("/code", method="recovery", code=recovery[3])
    assert shown.path == "/console/"
    await anna.get(PAGE)
    assert "9 recovery codes are left." in anna.shown.text


async def test_new_recovery_codes_and_the_end(anna: Reader, owner: Client) -> None:
    """Recovery codes are replaced, and the app is given up."""
    await anna.get(PAGE)
    await anna.send("/totp")
    secret = anna.shown.form("/confirm").value("secret")
    await anna.send("/confirm", code=code_now(secret))

    shown = await anna.send("/recovery-codes")
    assert len(re.findall(r"<li>[^<]{12,}</li>", shown.markup)) == 10
    await anna.get(PAGE)
    shown = await anna.send("/totp/end")

    assert "An authenticator app is safer." in shown.text


async def test_trusted_browser(anna: Reader, client: Client) -> None:
    """A browser that is trusted is listed, and trusted no more."""
    await client.log_in(ANNA, trust=True)
    shown = await anna.get(PAGE)
    assert "Trusted browsers and phones" in shown.text

    (action,) = [form.action for form in shown.forms if "/trusted/" in form.action]
    shown = await anna.send(action)

    assert "asked for a code again" in shown.text
    assert "Trusted browsers and phones" not in shown.text


async def test_export(anna: Reader) -> None:
    """A person takes along what is stored about him."""
    await anna.get(PAGE)

    shown = await anna.send("/export")

    assert shown.headers["Content-Disposition"].startswith("attachment")
    assert ANNA in shown.markup


async def test_delete(anna: Reader, client: Client) -> None:
    """A person deletes his account; nobody logs in to it any more."""
    await anna.get(PAGE)

    shown = await anna.send("/account/remove")

    assert "The account is deleted." in shown.text
    assert (await client.prove(ANNA))[1].code == 1004


async def test_delete_with_a_lock(anna: Reader, home: Gateway) -> None:
    """Who still owns a lock is told so."""
    await anna.get(PAGE)

    shown = await anna.send("/account/remove")

    assert shown.http == 409
    assert "still in use" in shown.text
