"""Nothing but the named errors leaves the codec, whatever goes in."""

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from igrs_codec.bsld import admin, advert, codes, driver, keys, label, packet, ticket, values
from igrs_codec.bsld.frame import (
    Command,
    Frame,
    FrameType,
    LockState,
    Operation,
    Record,
    Right,
    is_battery,
    is_older,
)
from igrs_codec.bsld.session import ClientSession, HelloMemory
from igrs_codec.bsld.tracker import Tracker
from igrs_codec.errors import IgrsError
from igrs_codec.message import envelope
from tests.codec.parts import (
    DEVICE,
    K_D,
    NOW,
    any_bytes,
    any_int,
    frames,
    hello,
    hellos,
    mint,
    records,
    states,
)

KEY = keys.admin_key(K_D, DEVICE, 1)
text = st.text(max_size=40)
sized = st.sampled_from([0, 4, 6, 8, 9, 10, 12, 16, 20, 32]).flatmap(
    lambda size: st.binary(min_size=size, max_size=size)
)
data = any_bytes | sized
times = any_int | st.just(NOW)
small = st.integers(-1, 300)
flags = st.booleans()
json_values = st.recursive(
    st.none() | flags | any_int | st.floats() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)


def call(function: Callable[..., object], *names: str, **fields: object) -> Callable[..., object]:
    """Give trailing arguments as keywords."""
    return lambda *args: function(
        *args[: len(args) - len(names)],
        **dict(zip(names, args[len(args) - len(names) :], strict=True)),
        **fields,
    )


def session_request(command: Command, a: int, b: int, now: int, rnd: bytes) -> object:
    """Ask anything in a session."""
    session = ClientSession(mint(), bytes(hello()), NOW)
    return session.request(command, a, b, now=now, rnd=rnd)


def session_receive(notification: bytes, now: int) -> object:
    """Show a session anything."""
    return ClientSession(mint(), bytes(hello()), NOW, HelloMemory()).receive(notification, now)


def link_feed(notification: bytes, now: int) -> object:
    """Show a link anything, in every state that a stranger can bring it to."""
    link = driver.BsldLink({1: mint()}, HelloMemory(), Tracker(DEVICE, {}), bytes)
    steps: tuple[Callable[[], object], ...] = (
        lambda: link.start(NOW),
        lambda: link.feed(bytes(hello()), NOW),
        lambda: link.operate(Operation.UNLOCK, 0, NOW),
        lambda: link.tick(NOW + 2),
        link.lost,
    )
    for step in steps:
        step()
        link.feed(notification, now)
    return link.state


FUNCTIONS: dict[str, tuple[Callable[..., object], tuple[st.SearchStrategy[Any], ...]]] = {
    "Frame": (Frame, (any_int | small, st.sampled_from(FrameType), data, times)),
    "Frame.from_bytes": (Frame.from_bytes, (data,)),
    "LockState.from_byte": (LockState.from_byte, (small,)),
    "Record.from_frame": (Record.from_frame, (frames,)),
    "Record.to_frame": (
        Record.to_frame,
        (records, st.sampled_from(Command), st.sampled_from(FrameType)),
    ),
    "is_battery": (is_battery, (any_int,)),
    "is_older": (is_older, (any_int, any_int)),
    "header": (packet.header, (st.sampled_from(packet.Kind), any_int | small, any_int | small)),
    "parse_header": (packet.parse_header, (data,)),
    "BlockKey": (packet.BlockKey, (data, data)),
    "BlockKey.seal": (KEY.seal, (data, data)),
    "BlockKey.open": (KEY.open, (data,)),
    "Hello.from_bytes": (packet.Hello.from_bytes, (data,)),
    "Hello": (
        call(packet.Hello, "link", "gen", "flags", "nonce", "time", "clock_set"),
        (small, small, small, data, times, flags),
    ),
    "error_packet": (packet.error_packet, (data,)),
    "prov_packets": (packet.prov_packets, (data,)),
    "parse_prov": (packet.parse_prov, (data,)),
    "cmac": (keys.cmac, (data, data)),
    "kdf": (keys.kdf, (data, data, data)),
    "device_id_from_text": (keys.device_id_from_text, (text,)),
    "device_id_to_text": (keys.device_id_to_text, (data,)),
    "admin_key": (keys.admin_key, (data, data, small)),
    "admin_key_unowned": (keys.admin_key_unowned, (data, data, data)),
    "advert_key": (keys.advert_key, (data, data, small)),
    "code_key": (keys.code_key, (data, data, small, times)),
    "ticket_key": (keys.ticket_key, (data, data, small, data)),
    "session_key": (keys.session_key, (data, data, data)),
    "rekeyed": (keys.rekeyed, (data, data, small, data)),
    "provisioned": (
        call(keys.provisioned, "private", "peer_public", "ras_public", "lock_public"),
        (data, data, small, data, data, data, data, data),
    ),
    "check_value": (keys.check_value, (data,)),
    "public_key": (keys.public_key, (data,)),
    "shared_secret": (keys.shared_secret, (data, data)),
    "hello_nonce": (
        call(keys.hello_nonce, "boot", "number", "random"),
        (data, data, small, times, times, data),
    ),
    "setup_code": (label.setup_code, (data, data)),
    "parse_setup_code": (label.parse_setup_code, (data, text)),
    "qr_text": (label.qr_text, (data, data)),
    "parse_qr": (label.parse_qr, (text | st.from_regex(r"BSLD1:[0-9A-F]{12}:[A-Z2-7=]{32}"),)),
    "encode_ttl": (ticket.encode_ttl, (any_int,)),
    "ttl_seconds": (ticket.ttl_seconds, (small,)),
    "mint": (
        call(ticket.mint, "tag", "uid", "tid", "ttl", "epoch", "time", rights=Right.LOCK),
        (data, data, small, any_int, any_int, any_int, small, small, times),
    ),
    "Ticket": (
        call(ticket.Ticket, "device", "gen", "packet", "k_t", "expires"),
        (data, small, data, data, any_int),
    ),
    "Ticket.from_json": (ticket.Ticket.from_json, (data, json_values)),
    "Ticket.from_json with members": (
        lambda members: ticket.Ticket.from_json(DEVICE, mint().to_json() | members),
        (st.dictionaries(st.sampled_from(sorted(mint().to_json())), json_values),),
    ),
    "rights_from_names": (ticket.rights_from_names, (st.lists(text),)),
    "TicketFields.from_bytes": (values.TicketFields.from_bytes, (data,)),
    "AuthAnswer.from_bytes": (values.AuthAnswer.from_bytes, (data,)),
    "SessionRequest.from_bytes": (values.SessionRequest.from_bytes, (data,)),
    "StateAnswer.from_bytes": (values.StateAnswer.from_bytes, (data,)),
    "Version.from_bytes": (values.Version.from_bytes, (data,)),
    "SessionRequest": (
        lambda *args: bytes(values.SessionRequest(*args)),
        (any_int, any_int, data, data),
    ),
    "WriteUser.from_bytes": (admin.WriteUser.from_bytes, (data,)),
    "write_user": (
        call(admin.write_user, "epoch", "not_before", rights=Right.LOCK),
        (any_int, small, any_int, any_int),
    ),
    "delete_user": (call(admin.delete_user, "epoch"), (any_int, any_int)),
    "prepare": (call(admin.prepare, "x25519"), (data, small, flags)),
    "raise_epoch": (admin.raise_epoch, (any_int,)),
    "config": (
        call(admin.config, "epoch"),
        (st.sampled_from(admin.Parameter), any_int, any_int),
    ),
    "codes": (
        call(admin.codes, "epoch", "code_class", "code_index", "start"),
        (st.sampled_from(admin.CodeOperation), any_int, any_int, any_int, any_int),
    ),
    "remove": (admin.remove, (data,)),
    "set_time": (admin.set_time, (hellos,)),
    "request": (
        call(admin.request, "command", "value", "time"),
        (st.just(KEY), small, any_int, st.sampled_from(Command), data, times),
    ),
    "answer": (
        call(admin.answer, "command", "value", "time"),
        (st.just(KEY), small, any_int, st.sampled_from(Command), data, times),
    ),
    "read_answer": (
        call(admin.read_answer, "gen", "tag", "command", "time"),
        (st.just(KEY), data, small, any_int, st.sampled_from(Command), times),
    ),
    "advert.encode": (
        call(advert.encode, "state", "battery", "counter", "time"),
        (data, data, small, states, any_int, any_int, times | st.none()),
    ),
    "advert.decode": (advert.decode, (data, data, data, times)),
    "unowned": (
        call(advert.unowned, "window_open", "clock_unset", "model", "random"),
        (flags, flags, any_int, data),
    ),
    "parse_unowned": (advert.parse_unowned, (data,)),
    "generation": (advert.generation, (data,)),
    "adv_ind": (advert.adv_ind, (data,)),
    "scan_response": (advert.scan_response, (data,)),
    "Tracker.observe": (
        lambda sent, now: Tracker(DEVICE, {1: bytes(16)}).observe(sent, now, clock_confirmed=True),
        (data, times),
    ),
    "CodeFormat": (codes.CodeFormat, (any_int | small, any_int | small, small)),
    "CodeFormat.from_value": (codes.CodeFormat.from_value, (any_int,)),
    "once": (codes.once, (data, times)),
    "timed": (codes.timed, (data, small, small, times)),
    "verify": (
        call(codes.verify, "now", "once_base", "once_used", cancelled=()),
        (data, text | st.just("0123456789"), times | st.none(), any_int, any_int),
    ),
    "ClientSession": (ClientSession, (st.just(mint()), data, times)),
    "ClientSession.request": (
        session_request,
        (st.sampled_from(Command), any_int, any_int, times, data),
    ),
    "ClientSession.receive": (session_receive, (data, times)),
    "HelloMemory.accept": (lambda given, now: HelloMemory().accept(given, now), (hellos, times)),
    "BsldLink.feed": (link_feed, (data, times)),
    "Envelope.from_json": (envelope.Envelope.from_json, (text | data,)),
    "Envelope.from_object": (envelope.Envelope.from_object, (json_values,)),
    "is_mid": (envelope.is_mid, (json_values,)),
    "is_address": (envelope.is_address, (json_values,)),
    "ulid": (envelope.ulid, (any_int, data)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=60)
@given(drawn=st.data())
def test_only_named_errors(name: str, drawn: st.DataObject) -> None:
    """A public function returns, or raises an IgrsError."""
    function, strategies = FUNCTIONS[name]
    arguments = [drawn.draw(strategy) for strategy in strategies]

    raised: IgrsError | None = None
    try:
        function(*arguments)
    except IgrsError as error:
        raised = error
    assert raised is None or (type(raised) is not IgrsError and str(raised))


def test_random_packets() -> None:
    """Random blocks under every header are noise to everybody who reads packets."""
    random = Random(5)  # noqa: S311 - repeatable tests
    session = ClientSession(mint(), bytes(hello()), NOW)
    for command in (Command.OPERATE, Command.STATUS, Command.LOG, Command.VERSION):
        session.request(command, 0, 0, now=NOW, rnd=b"abcd")
    heads = [bytes.fromhex(head) for head in ("62010007", "64010001", "74010001", "61010005")]
    for head in heads:
        for _ in range(2000):
            with pytest.raises(IgrsError):
                session.receive(head + random.randbytes(16), NOW)

    assert session.granted is None
    assert not session.confirmed
