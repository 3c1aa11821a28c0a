"""User authentication (clause 7.2, Figure 9): SASL, then a second factor (project profile, 3).

    START  -> PROOF          sasl/start: the challenge is sent
    PROOF  -> CODE           sasl/step: the proof is right, a code is on its way
    PROOF  -> (tokens)       sasl/step: the proof is right, and the client is trusted
    CODE   -> (tokens)       second-factor: the code is right
    START  -> (tokens)       sasl/start: the client comes back with a fast token

A wrong proof ends the login; it begins again with a new challenge. Unknown accounts go the same
way and fail at the proof; what their challenge looks like is borrowed from a registered one.
"""

from base64 import b64encode
from dataclasses import dataclass
from enum import Enum, auto
import hmac
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
import probatio

from .. import fields, rate
from ..application.audit import AUDIT
from ..errors import Code, RasError
from ..keys import DATABASE, RANDOM, VAULT, new_id, new_id_from, now
from ..principal import public
from ..store import accounts, sessions
from ..store.accounts import User
from ..web import answer, body, schema
from . import codes, fast, names, scram, second_factor, tries
from .delivery import DELIVER
from .sessions import SESSIONS, hash_token

if TYPE_CHECKING:
    from .sasl import Exchange

LIFE: Final = 120  # seconds after the last step
_AT_ONCE: Final = 1000  # logins
_MESSAGE_SIZE: Final = 2048  # bytes
_CODES_AFTER_PROOF: Final = rate.Rate(20 / 3600, 20)  # per account
_CODES_ON_DEMAND: Final = rate.Rate(5 / 3600, 5)  # per account
_WRONG_CODES: Final = 5
_CLIENT_LENGTH: Final = 100

_MESSAGE: Final = fields.base64(1, _MESSAGE_SIZE)
_SASL_ID: Final = fields.text(40)
_CHANNEL: Final = probatio.In(["phone", "email"])
_METHOD: Final = probatio.In(["phone", "email", second_factor.TOTP, second_factor.RECOVERY])

_START: Final = schema(
    {
        probatio.Required("mechanism"): probatio.In([scram.MECHANISM, fast.MECHANISM]),
        probatio.Required("initial"): _MESSAGE,
        probatio.Optional("trust_token"): fields.text(100),
    }
)
_STEP: Final = schema(
    {
        probatio.Required("sasl_id"): _SASL_ID,
        probatio.Required("data"): _MESSAGE,
    }
)
_SEND: Final = schema(
    {probatio.Required("sasl_id"): _SASL_ID, probatio.Required("method"): _CHANNEL}
)
_SECOND_FACTOR: Final = schema(
    {
        probatio.Required("sasl_id"): _SASL_ID,
        probatio.Required("method"): _METHOD,
        probatio.Required("code"): second_factor.CODE,
        probatio.Optional("trust", default=False): bool,
    }
)


class Stage(Enum):
    """What a login waits for."""

    PROOF = auto()
    CODE = auto()


@dataclass(slots=True, kw_only=True)
class Login:
    """A login on its way; `user` is None for an unknown account.

    `keys` are those under which wrong passwords are counted. A trusted client has one of its own:
    whatever others try, it gets in.
    """

    exchange: Exchange
    user: User | None
    trusted: bool
    keys: tuple[str, ...]
    expires: int
    stage: Stage = Stage.PROOF
    code: str = ""
    wrong_codes: int = 0


LOGINS: Final[web.AppKey[dict[str, Login]]] = web.AppKey("logins")


@public
async def start(request: web.Request) -> web.Response:
    """Answer the client's first message with a challenge."""
    from .sasl import Exchange  # noqa: PLC0415 - loaded by the first login, see there

    app, at, asked = request.app, now(request.app), body(request, _START)
    if asked["mechanism"] == fast.MECHANISM:
        return _come_back(request, asked["initial"], at)
    name, user = "", None

    def verifier(given: str) -> scram.Verifier:
        nonlocal name, user
        account = names.parse(given)
        name = account.value if account else given
        user = accounts.user_of_account(app[DATABASE], account) if account else None
        return _verifier(app, name, user)

    try:
        exchange = Exchange(_text(asked["initial"], "/initial"), verifier)
    except scram.ScramError:
        raise _malformed("/initial", "not a first message of SCRAM") from None
    token = hash_token(asked.get("trust_token", ""))
    trust = sessions.trust(app[DATABASE], token, user.user_id if user else "", at)
    password = tries.credential("password", name)
    keys = (f"{password} {trust.trust_id}",) if trust else (password, _address(request))
    tries.require(app, *keys)
    login = Login(
        exchange=exchange, user=user, trusted=trust is not None, keys=keys, expires=at + LIFE
    )
    sasl_id = new_id(app, "s")
    _keep(app[LOGINS], sasl_id, login, at)
    return answer(request, {"sasl_id": sasl_id, "data": _encode(exchange.challenge)})


def _verifier(app: web.Application, name: str, user: User | None) -> scram.Verifier:
    """Return the verifier of an account; an unknown one gets a false one, for the same work."""
    false = scram.Verifier.unknown(app[VAULT], name)
    near = new_id_from(lambda size: false.salt[:size], "u")
    # Both ways find one row and miss one.
    model = user or accounts.nearest(app[DATABASE], near)
    if user is not None:
        accounts.user(app[DATABASE], near)
    if model is None:
        return false
    stored = scram.Verifier.unsealed(app[VAULT], model.user_id, model.scram)
    shaped = false.shaped_like(stored)
    return stored if user else shaped


def _come_back(request: web.Request, initial: bytes, at: int) -> web.Response:
    """Give tokens for the proof of a fast token; the login stays as old as it is."""
    app, said = request.app, fast.parse(initial)
    if said is None:
        raise _malformed("/initial", f"not a message of {fast.MECHANISM}")
    account = names.parse(said[0])
    user = accounts.user_of_account(app[DATABASE], account) if account else None
    proof, tokens = app[SESSIONS].come_back(user.user_id if user else "", said[1], at)
    return answer(request, {"data": b64encode(proof).decode(), "next": "done"} | tokens)


@public
async def step(request: web.Request) -> web.Response:
    """Check the client's proof, and send the code of the second factor."""
    app, at, asked = request.app, now(request.app), body(request, _STEP)
    login = _login(request, asked["sasl_id"], Stage.PROOF)
    del app[LOGINS][asked["sasl_id"]]  # a proof is tried once
    tries.require(app, *login.keys)
    try:
        final = login.exchange.prove(_text(asked["data"], "/data"))
    except scram.ScramError:
        final = None
    if final is None or login.user is None:
        tries.wrong(app, *login.keys)
        _audit(request, login, Code.CREDENTIALS_WRONG)
        raise RasError(Code.CREDENTIALS_WRONG, "The account or the password is wrong")
    _require_unchanged(app, login.user)
    data: dict[str, Any] = {"data": _encode(final)}
    if login.trusted:
        tokens = _logged_in(request, login, login.user, "trust")
        return answer(request, data | {"next": "done"} | tokens)
    methods = second_factor.methods(app, login.user)
    if login.user.account.type in methods:
        await _send_code(app, login, login.user, _CODES_AFTER_PROOF, at)
    login.stage, login.expires = Stage.CODE, at + LIFE
    _keep(app[LOGINS], asked["sasl_id"], login, at)
    return answer(request, data | {"next": "second_factor", "methods": methods})


@public
async def send(request: web.Request) -> web.Response:
    """Send another code for a login whose proof was right."""
    app, at, asked = request.app, now(request.app), body(request, _SEND)
    login = _login(request, asked["sasl_id"], Stage.CODE)
    user = _user(request, login, asked["method"])
    await _send_code(app, login, user, _CODES_ON_DEMAND, at)
    return answer(request)


@public
async def finish(request: web.Request) -> web.Response:
    """Check the code, and give out the tokens."""
    app, at, asked = request.app, now(request.app), body(request, _SECOND_FACTOR)
    login = _login(request, asked["sasl_id"], Stage.CODE)
    user, method = _user(request, login, asked["method"]), asked["method"]
    key = tries.credential(method, user.user_id)
    tries.require(app, key)
    if not _right(app, login, user, method, asked["code"]):
        tries.wrong(app, key)
        login.wrong_codes += 1
        if login.wrong_codes == _WRONG_CODES:
            del app[LOGINS][asked["sasl_id"]]
        _audit(request, login, Code.VERIFICATION_WRONG, method)
        raise RasError(Code.VERIFICATION_WRONG, "The code is wrong")
    del app[LOGINS][asked["sasl_id"]]
    _require_unchanged(app, user)
    data = _logged_in(request, login, user, method)
    if asked["trust"]:
        data["trust_token"] = app[SESSIONS].trust(user.user_id, _client(request), at)
    return answer(request, data)


def _right(app: web.Application, login: Login, user: User, method: str, code: str) -> bool:
    """Tell whether this is a right code of a method the user has."""
    if method == user.account.type:
        return hmac.compare_digest(login.code.encode(), code.encode())
    return second_factor.take(app, user.user_id, method, code)


def _logged_in(request: web.Request, login: Login, user: User, factor: str) -> dict[str, Any]:
    """Open a login for the user, and return its tokens."""
    _audit(request, login, Code.OK, factor)
    return request.app[SESSIONS].open(user.user_id, now(request.app), client=_client(request))


async def _send_code(
    app: web.Application, login: Login, user: User, allowed: rate.Rate, at: int
) -> None:
    """Send a new code, which holds for this login only."""
    rate.check(app, ("code", user.user_id, str(allowed.burst)), allowed)
    login.code = codes.new_code(app[RANDOM])
    login.expires = at + LIFE
    await app[DELIVER](user.account.value, login.code)


def _keep(logins: dict[str, Login], sasl_id: str, login: Login, at: int) -> None:
    """Keep a login; those that have expired go, and of too many the oldest without a proof."""
    for known in [known for known, each in logins.items() if each.expires <= at]:
        del logins[known]
    while len(logins) >= _AT_ONCE:
        unproved = (known for known, each in logins.items() if each.stage is Stage.PROOF)
        del logins[next(unproved, None) or next(iter(logins))]
    logins[sasl_id] = login


def _login(request: web.Request, sasl_id: str, stage: Stage) -> Login:
    """Return a login that waits for this."""
    login = request.app[LOGINS].get(sasl_id)
    if login is None or login.stage is not stage or login.expires <= now(request.app):
        raise RasError(Code.UNKNOWN, "There is no such login, or it has expired; begin again")
    return login


def _user(request: web.Request, login: Login, method: str) -> User:
    """Return the user of a login, if he has this second factor."""
    if login.user is None or method not in second_factor.methods(request.app, login.user):
        raise _malformed("/method", "not one of the methods of this login")
    return login.user


def _require_unchanged(app: web.Application, user: User) -> None:
    """Refuse a user who has been locked, or has another password since the login began."""
    current = accounts.user(app[DATABASE], user.user_id)
    if current is None or current.scram != user.scram:
        raise RasError(Code.CREDENTIALS_WRONG, "The account or the password is wrong")
    if current.locked:
        raise RasError(Code.TOO_MANY_TRIES, "The account is locked by the administrator")


def _audit(request: web.Request, login: Login, result: Code, factor: str = "password") -> None:
    """Write the end of a login to the audit; unknown accounts have no name there."""
    who = f"user:{login.user.user_id}" if login.user else "user:unknown"
    request.app[AUDIT].append(
        "user.login", actor=who, object_=who, result=int(result), detail={"factor": factor}
    )


def _address(request: web.Request) -> str:
    return tries.address(request, "password")


def _client(request: web.Request) -> str:
    """Return what the client calls itself."""
    return request.headers.get("User-Agent", "")[:_CLIENT_LENGTH]


def _encode(message: str) -> str:
    return b64encode(message.encode()).decode()


def _text(data: bytes, pointer: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _malformed(pointer, "not UTF-8") from None


def _malformed(pointer: str, what: str) -> RasError:
    return RasError(Code.MALFORMED, "The body is not valid", errors=[(pointer, what)])


ROUTES: Final = (
    web.post("/v1/auth/sasl/start", start),
    web.post("/v1/auth/sasl/step", step),
    web.post("/v1/auth/second-factor/send", send),
    web.post("/v1/auth/second-factor", finish),
)
