"""Tokens: opaque, 15 minutes, renewed by a refresh token that works once (project profile, 3)."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
import hashlib
from typing import Any, Final

from aiohttp import web

from ..errors import Code, RasError
from ..keys import Random
from ..principal import Kind, Principal
from ..store import sessions
from ..store.db import Database
from . import fast

ACCESS_LIFE: Final = 900  # seconds
REFRESH_LIFE: Final = 30 * 24 * 3600  # seconds
TRUST_LIFE: Final = 30 * 24 * 3600  # seconds
LOGIN_LIFE: Final = 365 * 24 * 3600  # seconds, however often it is renewed
_TOKEN_SIZE: Final = 32  # bytes
_CACHE_SIZE: Final = 10_000  # tokens

type Revoked = Callable[[Callable[[Principal], bool]], None]
"""Is told which principals have lost their login."""

type Stolen = Callable[[str], None]
"""Is told whose login has ended because a token came again that had been replaced."""


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    expires: int


class Sessions:
    """The logins of this server; a token in use is found in memory."""

    def __init__(
        self,
        database: Database,
        random: Random,
        new_id: Callable[[str], str],
        revoked: Revoked,
        stolen: Stolen,
    ) -> None:
        """Begin with an empty memory."""
        self._database = database
        self._random = random
        self._new_id = new_id
        self._revoked = revoked
        self._stolen = stolen
        self._known: dict[bytes, _Known] = {}

    def principal(self, token: str, now: int) -> Principal:
        """Return whom an access token stands for, or raise 1007."""
        hashed = hash_token(token)
        known = self._known.get(hashed)
        if known is None:
            stored = sessions.token(self._database, hashed)
            if stored is None or stored.kind != "access":
                raise _invalid()
            known = self._remember(hashed, stored)
        if now >= known.expires:
            raise _invalid()
        return known.principal

    def open(
        self, user_id: str, now: int, *, gateway_id: str = "", client: str = ""
    ) -> dict[str, Any]:
        """Begin a login, and return its tokens; a gateway gets no refresh token."""
        session_id = self._new_id("l")
        session = sessions.Session(
            session_id=session_id,
            user_id=user_id,
            gateway_id=gateway_id,
            login_at=now,
            expires=now + ACCESS_LIFE,
            client=client,
        )
        with self._database.write():
            sessions.add(self._database, session)
            tokens = self._access(session_id, now)
            if not gateway_id:
                tokens |= self._refresh(session_id, now, now) | {"user_id": user_id}
        return tokens

    def refresh(self, token: str, now: int) -> dict[str, Any]:
        """Return a new pair for a refresh token; one that was used before ends the login."""
        hashed = hash_token(token)
        stored = sessions.token(self._database, hashed)
        if stored is None or stored.kind != "refresh" or now >= stored.expires:
            raise _invalid()
        if stored.used:
            raise self._theft(stored)
        with self._database.write():
            sessions.use_token(self._database, hashed)
            tokens = self._access(stored.session_id, now)
            tokens |= self._refresh(stored.session_id, stored.login_at, now)
        return tokens | {"user_id": stored.user_id}

    def give_fast(self, session_id: str, login_at: int, now: int) -> dict[str, Any]:
        """Return a token with which the client comes back; one it had before dies."""
        with self._database.write():
            sessions.remove_tokens(self._database, session_id, "fast")
            return self._fast(session_id, login_at, now)[1]

    def come_back(self, user_id: str, proof: bytes, now: int) -> tuple[bytes, dict[str, Any]]:
        """Return the server's proof and tokens for the proof of a fast token, or raise 1007.

        The fast token dies when the new one is used: an answer that was lost is given again. One
        that comes later than that ends the login.
        """
        hashed = hashlib.sha256(proof).digest()
        stored = sessions.token(self._database, hashed)
        if stored is None or stored.user_id != user_id or now >= stored.expires:
            raise _invalid()
        if stored.answer is None:
            raise _invalid()
        if stored.successor is not None:
            successor = sessions.token(self._database, stored.successor)
            if successor is None or successor.used:
                raise self._theft(stored)
            sessions.remove_token(self._database, stored.successor)
        with self._database.write():
            new, token = self._fast(stored.session_id, stored.login_at, now)
            sessions.use_token(self._database, hashed, new)
            tokens = self._access(stored.session_id, now) | token
        return stored.answer, tokens | {"user_id": user_id}

    def _theft(self, token: sessions.Token) -> RasError:
        """End the login of a token that came again; return what its bearer is told."""
        self.close(token.session_id)
        self._stolen(token.user_id)
        return _invalid()

    def trust(self, user_id: str, client: str, now: int) -> str:
        """Return a token that spares its client the second factor for 30 days."""
        token = self._new_token()
        trust = sessions.Trust(
            hash=hash_token(token),
            trust_id=self._new_id("tr"),
            user_id=user_id,
            client=client,
            created=now,
            expires=now + TRUST_LIFE,
        )
        sessions.add_trust(self._database, trust)
        return token

    def close(self, session_id: str) -> None:
        """End one login."""
        sessions.remove(self._database, session_id)
        self._forget(lambda principal: principal.session_id == session_id)

    def close_user(self, user_id: str) -> None:
        """End all logins of a person and of his gateways."""
        sessions.remove_of_user(self._database, user_id)
        self._forget(lambda principal: principal.user_id == user_id)

    def close_gateway(self, gateway_id: str) -> None:
        """End all logins of a gateway."""
        sessions.remove_of_gateway(self._database, gateway_id)
        self._forget(lambda principal: principal.gateway_id == gateway_id)

    def _forget(self, lost: Callable[[Principal], bool]) -> None:
        self._known = {
            hashed: known for hashed, known in self._known.items() if not lost(known.principal)
        }
        self._database.after_commit(lambda: self._revoked(lost))

    def _remember(self, hashed: bytes, token: sessions.Token) -> _Known:
        if len(self._known) >= _CACHE_SIZE:
            self._known.clear()
        self._known[hashed] = known = _Known(
            Principal(
                kind=Kind.GATEWAY if token.gateway_id else Kind.USER,
                user_id=token.user_id,
                gateway_id=token.gateway_id,
                session_id=token.session_id,
                login_at=token.login_at,
            ),
            token.expires,
        )
        return known

    def _access(self, session_id: str, now: int) -> dict[str, Any]:
        return {
            "access_token": self._add(session_id, "access", now + ACCESS_LIFE),
            "expires_in": ACCESS_LIFE,
        }

    def _refresh(self, session_id: str, login_at: int, now: int) -> dict[str, Any]:
        expires = _end(login_at, now)
        return {
            "refresh_token": self._add(session_id, "refresh", expires),
            "refresh_expires_in": expires - now,
        }

    def _fast(self, session_id: str, login_at: int, now: int) -> tuple[bytes, dict[str, Any]]:
        """Return a new fast token, and the hash of its proof."""
        token, expires = self._new_token(), _end(login_at, now)
        proof, answer = fast.proofs(token)
        hashed = hashlib.sha256(proof).digest()
        sessions.add_token(self._database, hashed, session_id, "fast", expires, answer=answer)
        return hashed, {"fast_token": token, "fast_expires_in": expires - now}

    def _add(self, session_id: str, kind: str, expires: int) -> str:
        token = self._new_token()
        sessions.add_token(self._database, hash_token(token), session_id, kind, expires)
        return token

    def _new_token(self) -> str:
        return encode_token(self._random(_TOKEN_SIZE))


SESSIONS: Final = web.AppKey("sessions", Sessions)


def encode_token(secret: bytes) -> str:
    """Return a secret as a token: base64url without padding."""
    return urlsafe_b64encode(secret).rstrip(b"=").decode()


def hash_token(token: str) -> bytes:
    """Return what the server stores of a token."""
    return hashlib.sha256(token.encode()).digest()


def _invalid() -> RasError:
    return RasError(Code.TOKEN_INVALID, "The token is expired, revoked or unknown")


def _end(login_at: int, now: int) -> int:
    """Return when a token ends that renews a login."""
    return min(now + REFRESH_LIFE, login_at + LOGIN_LIFE)
