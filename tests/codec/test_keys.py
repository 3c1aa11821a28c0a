"""Derivation of keys, device ids and labels."""

from collections.abc import Callable

from hypothesis import given, strategies as st
import pytest

from igrs_codec.bsld import keys
from igrs_codec.bsld.label import parse_qr, parse_setup_code, qr_text, setup_code
from igrs_codec.errors import (
    DeviceIdError,
    IgrsError,
    KeyMaterialError,
    Reason,
    RefusedError,
    SetupCodeError,
)
from tests.codec.parts import DEVICE, K_D, K_F, hello, keys as any_key

SETUP_CODE = "6DQ5FQ5UUWLIO6DJLJFTYLI6B65VUJNH"
devices = st.binary(min_size=6, max_size=6)


def test_cmac_of_rfc_4493() -> None:
    """The examples of the RFC, with and without a whole block."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    block = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")

    assert keys.cmac(key, b"").hex() == "bb1d6929e95937287fa37d129b756746"
    assert keys.cmac(key, block).hex() == "070a16b46b4d4144f79bdd9dd04a287c"


def test_no_two_uses_share_a_key() -> None:
    """Every label and every context gives another key."""
    packet = bytes(hello())
    ticket_frame = bytes(16)
    derived = {
        keys.advert_key(K_D, DEVICE, 1),
        keys.advert_key(K_D, DEVICE, 2),
        keys.advert_key(K_D, bytes(6), 1),
        keys.code_key(K_D, DEVICE, 1, 0),
        keys.code_key(K_D, DEVICE, 1, 1),
        keys.ticket_key(K_D, DEVICE, 1, ticket_frame),
        keys.ticket_key(K_D, DEVICE, 2, ticket_frame),
        keys.rekeyed(K_D, DEVICE, 2, bytes(8)),
        keys.rekeyed(K_D, DEVICE, 3, bytes(8)),
    }
    sealed = {
        key.seal(bytes(4), bytes(16))
        for key in (
            keys.admin_key(K_D, DEVICE, 1),
            keys.admin_key(K_D, DEVICE, 2),
            keys.admin_key_unowned(K_D, DEVICE, packet),
            keys.session_key(K_D, DEVICE, packet),
            keys.session_key(K_D, DEVICE, bytes(hello(time=0))),
        )
    }

    assert (len(derived), len(sealed)) == (9, 5)


@pytest.mark.parametrize(("gen", "following"), [(0, 1), (1, 2), (14, 15), (15, 1)])
def test_generations_never_come_back_to_0(gen: int, following: int) -> None:
    """After 15 comes 1."""
    assert keys.next_generation(gen) == following


def test_both_ends_agree_on_a_key() -> None:
    """RAS and lock compute the same K_D from each other's public keys."""
    ras, lock = bytes(range(32)), bytes(range(32, 64))
    publics = {"ras_public": keys.public_key(ras), "lock_public": keys.public_key(lock)}

    at_ras = keys.provisioned(
        K_F, DEVICE, 1, bytes(8), private=ras, peer_public=publics["lock_public"], **publics
    )
    at_lock = keys.provisioned(
        K_F, DEVICE, 1, bytes(8), private=lock, peer_public=publics["ras_public"], **publics
    )

    assert at_ras == at_lock
    assert len(keys.check_value(at_ras)) == 4
    other_root = keys.provisioned(
        K_D, DEVICE, 1, bytes(8), private=ras, peer_public=publics["lock_public"], **publics
    )
    assert keys.check_value(other_root) != keys.check_value(at_ras)


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        (1).to_bytes(32, "little"),
        (2**255 - 19).to_bytes(32, "little"),
        (2**255 - 20).to_bytes(32, "little"),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    ],
    ids=["zero", "one", "p", "minus-one", "order-8"],
)
def test_a_zero_secret_is_refused(point: bytes) -> None:
    """Public keys of small order give a secret of zeros."""
    with pytest.raises(RefusedError) as refusal:
        keys.shared_secret(bytes(range(32)), point)

    assert refusal.value.reason is Reason.WEAK_PUBLIC_KEY


def test_nonces_do_not_hang_on_the_generator_alone() -> None:
    """Boot and running number make a nonce new, even if the generator repeats itself."""
    nonces = {
        keys.hello_nonce(K_D, DEVICE, 1, boot=boot, number=number, random=bytes(16))
        for boot in range(3)
        for number in range(3)
    }

    assert len(nonces) == 9
    assert {len(nonce) for nonce in nonces} == {12}


@pytest.mark.parametrize(
    "call",
    [
        lambda: keys.cmac(bytes(15), b""),
        lambda: keys.advert_key(bytes(17), DEVICE, 1),
        lambda: keys.advert_key(K_D, DEVICE, 16),
        lambda: keys.code_key(K_D, DEVICE, 1, 2**32),
        lambda: keys.code_key(K_D, DEVICE, 1, -1),
        lambda: keys.ticket_key(K_D, DEVICE, 1, bytes(15)),
        lambda: keys.session_key(K_D, DEVICE, bytes(19)),
        lambda: keys.admin_key_unowned(K_F, DEVICE, b""),
        lambda: keys.rekeyed(K_D, DEVICE, 2, bytes(7)),
        lambda: keys.public_key(bytes(31)),
        lambda: keys.shared_secret(bytes(32), bytes(33)),
        lambda: keys.hello_nonce(K_D, DEVICE, 1, boot=0, number=0, random=bytes(15)),
    ],
)
def test_material_of_the_wrong_size(call: Callable[[], object]) -> None:
    """Sizes are checked before anything is computed."""
    with pytest.raises(KeyMaterialError):
        call()


@given(devices)
def test_device_id_round_trip(device: bytes) -> None:
    """Twelve upper-case characters out; lower case and separators in."""
    text = keys.device_id_to_text(device)

    assert text == text.upper()
    assert len(text) == 12
    pairs = [text[i : i + 2] for i in range(0, 12, 2)]
    for form in (text, text.lower(), ":".join(pairs), "-".join(pairs).lower()):
        assert keys.device_id_from_text(form) == device


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A1B2C3D4E5F",
        "A1B2C3D4E5F6\n",
        "A1B2C3D4E5FG",
        "A1:B2-C3:D4:E5:F6",
        "A1B2C3D4E5F6F7",
        "\uff21\uff11B2C3D4E5F6",
    ],
)
def test_not_a_device_id(text: str) -> None:
    """A line break, mixed separators and full-width digits are no device id."""
    with pytest.raises(DeviceIdError):
        keys.device_id_from_text(text)


def test_device_id_size() -> None:
    """Six bytes, everywhere."""
    for call in (keys.device_id_to_text, lambda d: keys.advert_key(K_D, d, 1)):
        with pytest.raises(DeviceIdError):
            call(bytes(5))


def test_setup_code_example() -> None:
    """The example of the RAS API."""
    assert setup_code(DEVICE, K_F) == SETUP_CODE
    assert qr_text(DEVICE, K_F) == f"BSLD1:A1B2C3D4E5F6:{SETUP_CODE}"


@given(devices, any_key)
def test_label_round_trip(device: bytes, k_f: bytes) -> None:
    """What the label shows is what is read, typed in groups and lower case too."""
    code = setup_code(device, k_f)
    groups = " ".join(code[i : i + 4] for i in range(0, 32, 4))

    assert parse_setup_code(device, code) == k_f
    assert parse_setup_code(device, groups.lower()) == k_f
    assert parse_qr(qr_text(device, k_f) + "\n") == (device, k_f)


@given(devices, any_key, st.integers(0, 31), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_typing_error_is_found(device: bytes, k_f: bytes, place: int, letter: str) -> None:
    """One wrong character of a setup code, and it is not the code of this device."""
    code = setup_code(device, k_f)
    wrong = code[:place] + letter + code[place + 1 :]

    if wrong != code:
        with pytest.raises(SetupCodeError):
            parse_setup_code(device, wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6DQ5",
        SETUP_CODE + "A",
        SETUP_CODE[:-1] + "1",
        SETUP_CODE[:-1] + "=",
        "ß" * 16,
        "é" * 32,
        "=" * 32,
        SETUP_CODE[:24] + "=" * 8,
    ],
)
def test_not_a_setup_code(text: str) -> None:
    """Other lengths and other characters are refused by name."""
    with pytest.raises(SetupCodeError):
        parse_setup_code(DEVICE, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "::",
        f"BSLD2:A1B2C3D4E5F6:{SETUP_CODE}",
        f"BSLD1:A1B2C3D4E5F7:{SETUP_CODE}",
        f"BSLD1:A1B2C3D4E5:{SETUP_CODE}",
        "https://example.com/",
        f"BSLD1:A1B2C3D4E5F6:{SETUP_CODE}:",
    ],
)
def test_not_a_qr_text(text: str) -> None:
    """Another prefix, another device or another number of parts."""
    with pytest.raises(SetupCodeError):
        parse_qr(text)


def test_a_label_needs_a_key() -> None:
    """K_F has 16 bytes, a device id 6."""
    with pytest.raises(KeyMaterialError):
        setup_code(DEVICE, bytes(15))
    with pytest.raises(IgrsError):
        setup_code(bytes(5), K_F)


def test_errors_hide_the_secret() -> None:
    """No error text contains what was typed."""
    with pytest.raises(SetupCodeError) as error:
        parse_setup_code(DEVICE, SETUP_CODE[:-1] + "A")

    assert SETUP_CODE[:8] not in str(error.value)
