"""The SCRAM client: RFC 5802, RFC 7677, RFC 4013."""

from base64 import b64decode, b64encode

import pytest
from scramp import ScramMechanism

from custom_components.igrs.scram import (
    MAX_ITERATIONS,
    MIN_ITERATIONS,
    ScramError,
    ScramTextError,
    client_final,
    client_first,
    saslprep,
    verify_server,
)

# The example of RFC 7677, section 3.
NONCE = b64decode("rOprNGfwEbeRWgbNEkqO")
PASSWORD = "pencil"
CLIENT_FIRST = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = (
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
CLIENT_FINAL = (
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_example_of_rfc_7677() -> None:
    """The example of the RFC comes out byte by byte, and its server is accepted."""
    final = client_final(CLIENT_FIRST, PASSWORD, SERVER_FIRST, least=4096)

    assert client_first("user", NONCE) == CLIENT_FIRST
    assert final.message == CLIENT_FINAL
    verify_server(final, SERVER_FINAL)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        pytest.param("+491711234567", "correct horse", id="phone"),
        pytest.param("a,=b@example.org", "a=b,c", id="escaped"),
        pytest.param("anna@example.org", "pa\u00adss\u00a0wörd Ⅸ", id="prepared"),
    ],
)
def test_against_a_server(name: str, password: str) -> None:
    """A server made by others accepts the proof, and proves itself."""
    mechanism = ScramMechanism("SCRAM-SHA-256")
    account = mechanism.make_auth_info(password, iteration_count=MIN_ITERATIONS)
    server = mechanism.make_server({name: account}.__getitem__)

    first = client_first(name, NONCE)
    server.set_client_first(first)
    final = client_final(first, password, server.get_server_first())
    server.set_client_final(final.message)

    verify_server(final, server.get_server_final())


@pytest.mark.parametrize(
    "server_first",
    [
        pytest.param("", id="empty"),
        pytest.param("e=other-error", id="error"),
        pytest.param(SERVER_FIRST.replace("s=", "x="), id="no salt"),
        pytest.param(SERVER_FIRST.replace("W22Z", "W22?"), id="salt not base64"),
        pytest.param(SERVER_FIRST.replace("4096", "many"), id="iterations not a number"),
        pytest.param("m=ext," + SERVER_FIRST, id="unknown extension"),
        pytest.param(SERVER_FIRST.replace("rOpr", "xOpr"), id="another nonce"),
        pytest.param("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", id="own nonce"),
        pytest.param(SERVER_FIRST.replace("4096", "4095"), id="too few iterations"),
        pytest.param(
            SERVER_FIRST.replace("4096", str(MAX_ITERATIONS + 1)), id="too many iterations"
        ),
    ],
)
def test_challenge_is_refused(server_first: str) -> None:
    """A challenge that is malformed, not for us or unreasonable gets no proof."""
    with pytest.raises(ScramError):
        client_final(CLIENT_FIRST, PASSWORD, server_first, least=4096)


def test_weak_server_is_refused() -> None:
    """Without being told otherwise, the client wants the iterations of the profile."""
    with pytest.raises(ScramError, match="iterations"):
        client_final(CLIENT_FIRST, PASSWORD, SERVER_FIRST)


@pytest.mark.parametrize(
    "server_final",
    [
        pytest.param("", id="empty"),
        pytest.param("e=invalid-proof", id="error"),
        pytest.param("v=?", id="not base64"),
        pytest.param("v=" + b64encode(bytes(32)).decode(), id="wrong"),
    ],
)
def test_server_that_does_not_know_the_account(server_final: str) -> None:
    """A server without the right signature is refused: it may be an impostor."""
    final = client_final(CLIENT_FIRST, PASSWORD, SERVER_FIRST, least=4096)

    with pytest.raises(ScramError):
        verify_server(final, server_final)


def test_secrets_stay_out_of_texts() -> None:
    """Neither proof nor signature is in the representation."""
    final = client_final(CLIENT_FIRST, PASSWORD, SERVER_FIRST, least=4096)

    assert "dHzb" not in repr(final)
    assert "server_signature" not in repr(final)


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_saslprep(text: str, prepared: str) -> None:
    """Text is mapped as the examples of RFC 4013 say."""
    assert saslprep(text) == prepared


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\u0007", id="control character"),
        pytest.param("\u0627\u0031", id="ends in the other direction"),
        pytest.param("\u0627a\u0628", id="both directions"),
        pytest.param("\u0221", id="unassigned in Unicode 3.2"),
    ],
)
def test_saslprep_refuses(text: str) -> None:
    """Characters that look like nothing or like others are refused, as in RFC 4013."""
    with pytest.raises(ScramTextError):
        saslprep(text)
