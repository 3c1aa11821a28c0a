"""Six-digit codes that prove an account (clause 7.1; project profile, 3)."""

import hmac
from typing import Any, Final

from aiohttp import web

from ..errors import Code, RasError
from ..keys import DATABASE, RANDOM, VAULT, Random, new_id, now
from ..store import accounts
from ..store.accounts import Account
from .delivery import DELIVER

LIFE: Final = 600  # seconds
_PER_HOUR: Final = 3
_WRONG: Final = 5
_DIGITS: Final = 6


def new_code(random: Random) -> str:
    """Return a new code of six digits."""
    return f"{int.from_bytes(random(8)) % 10**_DIGITS:0{_DIGITS}}"


async def send(app: web.Application, account: Account, purpose: str) -> dict[str, Any]:
    """Send a code to an account, whether it is registered or not, and return its handle."""
    at = now(app)
    recent = accounts.verifications_since(app[DATABASE], account, at - 3600)
    if len(recent) >= _PER_HOUR:
        raise RasError(
            Code.RATE_LIMITED, "Too many codes", retry_after=max(1, recent[0] + 3600 - at)
        )
    code = new_code(app[RANDOM])
    verification_id = new_id(app, "v")
    accounts.add_verification(
        app[DATABASE],
        accounts.Verification(
            verification_id=verification_id,
            account=account,
            purpose=purpose,
            code=_hash(app, verification_id, code),
            expires=at + LIFE,
        ),
        created=at,
    )
    await app[DELIVER](account.value, code)
    return {"verification_id": verification_id, "expires_in": LIFE}


def use(
    request: web.Request, verification_id: str, code: str, account: Account, purpose: str
) -> None:
    """Accept a right code once, or raise 1003; five wrong ones make it worthless."""
    app, at = request.app, now(request.app)
    expected = accounts.verification(app[DATABASE], verification_id)
    right = (
        expected is not None
        and hmac.compare_digest(expected.code, _hash(app, verification_id, code))
        and (expected.account, expected.purpose) == (account, purpose)
        and at < expected.expires
        and expected.wrong < _WRONG
    )
    if not right:
        accounts.wrong_verification(app[DATABASE], verification_id)
        raise RasError(Code.VERIFICATION_WRONG, "The verification code is wrong or expired")
    accounts.use_verification(app[DATABASE], verification_id)


def _hash(app: web.Application, verification_id: str, code: str) -> bytes:
    key = app[VAULT].derive("verification code")
    return hmac.digest(key, f"{verification_id} {code}".encode(), "sha256")
