"""Keypad codes."""

from hypothesis import given, strategies as st
import pytest

from igrs_codec.bsld.codes import (
    DEFAULT_FORMAT,
    WINDOW_SECONDS,
    CodeFormat,
    CodeId,
    candidates,
    digits,
    once,
    timed,
    verify,
)
from igrs_codec.bsld.keys import code_key
from igrs_codec.errors import CodeFormatError
from tests.codec.parts import DEVICE, K_D, NOW, u32

K_CODE = code_key(K_D, DEVICE, 1, 0)
formats = st.sampled_from(
    [CodeFormat(), CodeFormat(8), CodeFormat(16), CodeFormat(11, 6, 1), CodeFormat(14, 4, 0)]
)


def typed(
    text: str,
    *,
    now: int | None = NOW,
    once_base: int = 1,
    once_used: int = 0,
    cancelled: frozenset[CodeId] = frozenset(),
    form: CodeFormat = DEFAULT_FORMAT,
) -> CodeId | None:
    """Verify a typed code."""
    return verify(
        K_CODE,
        text,
        now=now,
        once_base=once_base,
        once_used=once_used,
        cancelled=cancelled,
        form=form,
    )


@given(formats, st.integers(1, 4), st.integers(0, 1), st.integers(NOW, NOW + 10**8), st.data())
def test_timed_codes(
    form: CodeFormat, code_class: int, index: int, at: int, data: st.DataObject
) -> None:
    """A code opens from its start to its end, and not a second longer."""
    code = timed(K_CODE, code_class, index, at, form)
    length = WINDOW_SECONDS[code_class]

    assert form.fits(code.code)
    assert (code.start % (length // 2), code.end - code.start) == (0, length)
    assert code.start <= at < code.start + length // 2
    inside = data.draw(st.integers(code.start, code.end - 1))
    expected = CodeId(code_class, index, code.start)
    for now in (code.start, inside, code.end - 1):
        assert typed(code.code, now=now, form=form) == expected
    for outside in (code.start - 1, code.end, None):
        assert typed(code.code, now=outside, form=form) != expected


@given(formats, st.integers(1, 10**6), st.integers(0, 12))
def test_one_time_codes(form: CodeFormat, base: int, ahead: int) -> None:
    """The eight numbers from the base on open, each until it is used; no clock needed."""
    code = once(K_CODE, base + ahead, form)
    match = typed(code, now=None, once_base=base, form=form)

    if ahead >= 8:
        assert match is None
    else:
        assert match == CodeId(0, 0, base + ahead)
        assert typed(code, now=None, once_base=base, once_used=1 << ahead, form=form) is None
        assert typed(code, now=None, once_base=base + ahead + 1, form=form) is None


def test_cancelled_codes() -> None:
    """A cancelled code never opens."""
    code = timed(K_CODE, 2, 1, NOW)
    match = typed(code.code)
    assert match is not None

    assert typed(code.code, cancelled=frozenset({match})) is None


@pytest.mark.parametrize("now", [None, 0, 1799, 1800, NOW, 2**32 - 1])
@pytest.mark.parametrize("base", [1, 2**32 - 3])
def test_how_many_are_computed(now: int | None, base: int) -> None:
    """At most 24 codes are valid at one time, all different."""
    found = list(candidates(base, now))

    assert len(found) == len(set(found)) <= 24
    for code in found:
        digits(K_CODE, code)


@given(st.text(max_size=20))
def test_any_text_can_be_typed(text: str) -> None:
    """What is no code does not open, whatever it is."""
    assert typed(text) is None


def test_only_digits_of_the_keypad() -> None:
    """Other digits, full-width ones too, are not even compared."""
    form = CodeFormat(11, 6, 1)

    assert form.fits("12345612345")
    for text in ("02345612345", "72345612345", "1234561234", "\uff11" * 11):
        assert not form.fits(text)


@pytest.mark.parametrize(
    ("length", "base", "first"),
    [
        (7, 10, 0),
        (17, 10, 0),
        (8, 10, 1),
        (8, 9, 1),
        (10, 3, 0),
        (10, 11, 0),
        (10, 6, 1),
        (13, 4, 0),
        (12, 5, 6),
        (10, 10, -1),
    ],
)
def test_formats_out_of_the_limits(length: int, base: int, first: int) -> None:
    """Too short, too easily guessed, or not to be typed."""
    with pytest.raises(CodeFormatError):
        CodeFormat(length, base, first)


@given(formats)
def test_format_round_trip(form: CodeFormat) -> None:
    """A format survives the configuration."""
    assert CodeFormat.from_value(form.to_value()) == form


@given(st.integers(-10, 2**33))
def test_any_value_of_a_format(value: int) -> None:
    """A number is a format, or refused by name."""
    try:
        form = CodeFormat.from_value(value)
    except CodeFormatError:
        return
    assert form.to_value() == value


def test_default_format() -> None:
    """Ten decimal digits: 00 0A 0A 00."""
    assert DEFAULT_FORMAT.to_value() == 0x000A0A00


@pytest.mark.parametrize(
    "code", [CodeId(5, 0, 0), CodeId(-1, 0, 0), CodeId(0, 1, 0), CodeId(1, 2, 0), CodeId(1, 0, -1)]
)
def test_no_such_code(code: CodeId) -> None:
    """Five classes, two indexes, one for one-time codes."""
    with pytest.raises(CodeFormatError):
        digits(K_CODE, code)


@pytest.mark.parametrize(("code_class", "at"), [(0, NOW), (5, NOW), (1, -1), (1, 2**32)])
def test_no_such_window(code_class: int, at: int) -> None:
    """One-time codes have no window."""
    with pytest.raises(CodeFormatError):
        timed(K_CODE, code_class, 0, at)


@given(u32)
def test_codes_are_secret(number: int) -> None:
    """A code is not shown by accident."""
    code = timed(K_CODE, 1, 0, number)

    assert code.code not in repr(code)
