"""Every published vector of BSLD/1 but the lock's own (those: tests/lock)."""

from collections.abc import Callable
import json
from pathlib import Path
from typing import Final

import pytest

from igrs_codec.bsld import admin, advert, codes, keys, packet, ticket
from igrs_codec.bsld.frame import Command, Frame, FrameType, LockState, Right
from igrs_codec.bsld.tracker import Tracker
from igrs_codec.errors import IgrsError
from tests.codec.client_vectors import HEX, Json, client

VECTORS: Final[list[Json]] = json.loads(
    (Path(__file__).parent / "vectors.json").read_text("utf-8")
)["vectors"]


def frame_encode(given: Json) -> Json:
    """Fields -> 16 bytes."""
    frame = Frame(given["cmd"], FrameType(given["type"]), HEX(given["value"]), given["time"])
    return {"frame": bytes(frame).hex()}


def frame_decode(given: Json) -> Json:
    """16 bytes -> fields, or a refusal."""
    try:
        frame = Frame.from_bytes(HEX(given["frame"]))
    except IgrsError:
        return {"ok": False}
    return {"ok": True, "cmd": frame.command, "type": frame.type, "time": frame.time}


def kdf(given: Json) -> Json:
    """Key, label and context -> key."""
    key = keys.kdf(HEX(given["key"]), given["label"].encode(), HEX(given["ctx"]))
    return {"key": key.hex()}


def keys_device(given: Json) -> Json:
    """K_D -> keys of a generation."""
    k_d, context = HEX(given["k_d"]), HEX(given["device"]) + bytes((given["gen"],))
    k_adm, k_adm_iv = keys.kdf(k_d, b"adm", context), keys.kdf(k_d, b"adi", context)
    same_key(keys.admin_key(k_d, HEX(given["device"]), given["gen"]), k_adm, k_adm_iv)
    return {
        "k_adm": k_adm.hex(),
        "k_adm_iv": k_adm_iv.hex(),
        "k_adv": keys.advert_key(k_d, HEX(given["device"]), given["gen"]).hex(),
    }


def keys_gen0(given: Json) -> Json:
    """K_F and HELLO -> keys of an unowned lock."""
    k_f, context = HEX(given["k_f"]), HEX(given["device"]) + HEX(given["hello"])
    k_adm, k_adm_iv = keys.kdf(k_f, b"adm", context), keys.kdf(k_f, b"adi", context)
    key = keys.admin_key_unowned(k_f, HEX(given["device"]), HEX(given["hello"]))
    same_key(key, k_adm, k_adm_iv)
    return {"k_adm": k_adm.hex(), "k_adm_iv": k_adm_iv.hex()}


def keys_code(given: Json) -> Json:
    """K_D -> K_code."""
    key = keys.code_key(HEX(given["k_d"]), HEX(given["device"]), given["gen"], given["time"])
    return {"k_code": key.hex()}


def keys_session(given: Json) -> Json:
    """K_T and HELLO -> session keys."""
    k_t, context = HEX(given["k_t"]), HEX(given["device"]) + HEX(given["hello"])
    k_s, k_s_iv = keys.kdf(k_t, b"ses", context), keys.kdf(k_t, b"sei", context)
    same_key(keys.session_key(k_t, HEX(given["device"]), HEX(given["hello"])), k_s, k_s_iv)
    return {"k_s": k_s.hex(), "k_s_iv": k_s_iv.hex()}


def same_key(key: packet.BlockKey, expected: bytes, expected_iv: bytes) -> None:
    """Assert that a key seals as the expected pair does."""
    head, frame = bytes(4), bytes(range(16))
    assert key.seal(head, frame) == packet.BlockKey(expected, expected_iv).seal(head, frame)


def packet_seal(given: Json) -> Json:
    """Header and frame -> packet."""
    key = packet.BlockKey(HEX(given["key"]), HEX(given["key_iv"]))
    return {"packet": key.seal(HEX(given["header"]), HEX(given["frame"])).hex()}


def packet_open(given: Json) -> Json:
    """Packet -> 16 plain bytes, and whether they are a frame."""
    key = packet.BlockKey(HEX(given["key"]), HEX(given["key_iv"]))
    plain = key.open(HEX(given["packet"]))
    return {"frame": plain.hex(), "check_ok": frame_decode({"frame": plain.hex()})["ok"]}


def hello_encode(given: Json) -> Json:
    """Fields -> HELLO."""
    hello = packet.Hello(
        link=given["link"],
        gen=given["gen"],
        flags=given["flags"],
        nonce=HEX(given["n_l"]),
        time=given["time"],
        clock_set=given["clock_set"],
    )
    assert packet.Hello.from_bytes(bytes(hello)) == hello
    return {"packet": bytes(hello).hex()}


def hello_decode(given: Json) -> Json:
    """HELLO -> fields, or a refusal."""
    try:
        packet.Hello.from_bytes(HEX(given["packet"]))
    except IgrsError:
        return {"ok": False}
    return {"ok": True}


def ttl_encode(given: Json) -> Json:
    """Wanted seconds -> code and what it stands for."""
    code = ticket.encode_ttl(given["seconds"])
    return {"code": code, "seconds": ticket.ttl_seconds(code)}


def ticket_mint(given: Json) -> Json:
    """Fields -> frame, packet, K_T and end."""
    minted = ticket.mint(
        HEX(given["k_d"]),
        HEX(given["device"]),
        given["gen"],
        tag=given["tag"],
        uid=given["uid"],
        tid=given["tid"],
        rights=Right(given["rights"]),
        ttl=given["ttl"],
        epoch=given["epoch"],
        time=given["time"],
    )
    return {
        "frame": minted.frame.hex(),
        "packet": minted.packet.hex(),
        "k_t": minted.k_t.hex(),
        "expires": minted.expires,
    }


def admin_request(given: Json) -> Json:
    """Command and Value -> packet."""
    key = keys.admin_key(HEX(given["k_d"]), HEX(given["device"]), given["gen"])
    sealed = admin.request(
        key,
        given["gen"],
        given["tag"],
        command=Command(given["cmd"]),
        value=HEX(given["value"]),
        time=given["time"],
    )
    return {"frame": key.open(sealed).hex(), "packet": sealed.hex()}


def admin_answer(given: Json) -> Json:
    """Packet -> fields."""
    key = keys.admin_key(HEX(given["k_d"]), HEX(given["device"]), given["gen"])
    data = HEX(given["packet"])
    frame = Frame.from_bytes(key.open(data))
    answer = admin.read_answer(
        key,
        data,
        gen=given["gen"],
        tag=int.from_bytes(data[2:4]),
        command=Command(frame.command),
        time=frame.time,
    )
    return {
        "ok": True,
        "cmd": frame.command,
        "status": answer.status,
        "value": bytes(answer).hex(),
        "time": frame.time,
    }


def advert_encode(given: Json) -> Json:
    """State -> service data and advertising data."""
    data = advert.encode(
        HEX(given["k_adv"]),
        HEX(given["device"]),
        given["gen"],
        state=LockState.from_byte(given["state"]),
        battery=given["battery"],
        counter=given["counter"],
        time=given["time"] if given["clock_set"] else None,
    )
    return {"service_data": data.hex(), "adv_ind": advert.adv_ind(data).hex()}


def advert_decode(given: Json) -> Json:
    """Service data -> state, or a refusal."""
    state = advert.decode(
        HEX(given["k_adv"]), HEX(given["device"]), HEX(given["service_data"]), given["now"]
    )
    if state is None:
        return {"ok": False}
    return {
        "ok": True,
        "gen": state.gen,
        "state": state.state.to_byte(),
        "battery": state.battery,
        "counter": state.counter,
        "fresh": state.bucket > 0,
    }


def adverts(given: Json) -> Json:
    """Sequence of service data -> verdicts and shown bolts."""
    tracker = Tracker(HEX(given["device"]), {int(g): HEX(k) for g, k in given["k_adv"].items()})
    steps = []
    for step in given["steps"]:
        sighting = tracker.observe(
            HEX(step["service_data"]), step["now"], clock_confirmed=given["clock_confirmed"]
        )
        steps.append({"verdict": sighting.verdict, "bolt": tracker.bolt.name.lower()})
    return {"steps": steps}


def rekey(given: Json) -> Json:
    """K_D and N_R -> next K_D and its check value."""
    new = keys.rekeyed(HEX(given["k_d"]), HEX(given["device"]), given["gen_new"], HEX(given["n_r"]))
    return {"k_d_new": new.hex(), "kcv": keys.check_value(new).hex()}


def prov(given: Json) -> Json:
    """Key exchange -> next K_D, its check value and the packets of the RAS."""
    private, lock_public = HEX(given["sk_ras"]), HEX(given["pk_lock"])
    ras_public = keys.public_key(private)
    new = keys.provisioned(
        HEX(given["k_root"]),
        HEX(given["device"]),
        given["gen_new"],
        HEX(given["n_r"]),
        private=private,
        peer_public=lock_public,
        ras_public=ras_public,
        lock_public=lock_public,
    )
    return {
        "ok": True,
        "pk_ras": ras_public.hex(),
        "z": keys.shared_secret(private, lock_public).hex(),
        "k_d_new": new.hex(),
        "kcv": keys.check_value(new).hex(),
        "packets_ras": [p.hex() for p in packet.prov_packets(ras_public)],
    }


def code_form(given: Json) -> codes.CodeFormat:
    """Read the code format of a vector."""
    return codes.CodeFormat(given["length"], given["base"], given["first"])


def code_timed(given: Json) -> Json:
    """Class, index and time -> code and window."""
    code = codes.timed(
        HEX(given["k_code"]), given["class"], given["index"], given["at"], code_form(given)
    )
    return code._asdict()


def code_once(given: Json) -> Json:
    """Number -> one-time code."""
    return {"code": codes.once(HEX(given["k_code"]), given["number"], code_form(given))}


def code_verify(given: Json) -> Json:
    """Typed digits -> what they stand for."""
    match = codes.verify(
        HEX(given["k_code"]),
        given["code"],
        now=given["now"],
        once_base=given["once_base"],
        once_used=given["once_used"],
        cancelled={codes.CodeId(*entry) for entry in given["blocked"]},
        form=code_form(given),
    )
    if match is None:
        return {"match": None}
    code_class, index, start = match
    return {"match": {"class": code_class, "index": index, "start": start}}


OPS: Final[dict[str, Callable[[Json], Json]]] = {
    "frame.encode": frame_encode,
    "frame.decode": frame_decode,
    "kdf": kdf,
    "keys.device": keys_device,
    "keys.gen0": keys_gen0,
    "keys.code": keys_code,
    "keys.session": keys_session,
    "packet.seal": packet_seal,
    "packet.open": packet_open,
    "hello.encode": hello_encode,
    "hello.decode": hello_decode,
    "ttl.encode": ttl_encode,
    "ticket.mint": ticket_mint,
    "admin.request": admin_request,
    "admin.answer": admin_answer,
    "advert.encode": advert_encode,
    "advert.decode": advert_decode,
    "adverts": adverts,
    "rekey": rekey,
    "prov": prov,
    "code.timed": code_timed,
    "code.once": code_once,
    "code.verify": code_verify,
    "client": client,
}


@pytest.mark.parametrize(
    "vector", [pytest.param(v, id=v["id"]) for v in VECTORS if v["op"] != "lock"]
)
def test_vector(vector: Json) -> None:
    """The codec says byte for byte what the profile says."""
    assert OPS[vector["op"]](vector["in"]) == vector["out"]


def test_all_vectors_are_used() -> None:
    """No kind of vector is left out by mistake."""
    assert {v["op"] for v in VECTORS} == {*OPS, "lock"}
