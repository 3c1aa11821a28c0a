"""The vectors of a session as its client has it, step by step."""

from typing import Any, Final

from igrs_codec.bsld import packet, ticket
from igrs_codec.bsld.frame import Command
from igrs_codec.bsld.session import (
    Answered,
    Authenticated,
    ClientSession,
    ErrorHint,
    HelloMemory,
    Recorded,
    SessionEvent,
)
from igrs_codec.errors import IgrsError, RefusedError

type Json = dict[str, Any]
HEX: Final = bytes.fromhex


def client(given: Json) -> Json:
    """Ticket, HELLO and steps -> packets and results."""
    held = given["ticket"]
    memory = HelloMemory()
    hello = HEX(given["hello"])
    memory.accept(packet.Hello.from_bytes(hello), given["now"])
    session = ClientSession(
        ticket.Ticket(
            device=HEX(held["device"]),
            gen=held["gen"],
            packet=HEX(held["packet"]),
            k_t=HEX(held["k_t"]),
            expires=held["expires"],
        ),
        hello,
        given["now"],
        memory,
    )
    return {
        "hello_ok": True,
        "steps": [client_step(session, memory, step) for step in given["steps"]],
    }


def client_step(session: ClientSession, memory: HelloMemory, step: Json) -> Json:
    """Do one step of a client vector."""
    match step["do"]:
        case "auth":
            return {"packet": session.auth().hex()}
        case "request":
            sent = session.request(
                Command(step["cmd"]),
                step["a"],
                step["b"],
                now=step["now"],
                rnd=HEX(step["rnd"]),
            )
            return {"packet": sent.hex()}
        case "hello":
            try:
                memory.accept(packet.Hello.from_bytes(HEX(step["packet"])), step["now"])
            except RefusedError:
                return {"hello_ok": False}
            return {"hello_ok": True}
        case _:
            try:
                return {"result": described(session.receive(HEX(step["packet"]), step["now"]))}
            except IgrsError:
                return {"refused": True}


def described(event: SessionEvent) -> Json:
    """Return an event as the vectors write it."""
    match event:
        case ErrorHint():
            return {"kind": "err"}
        case Authenticated(answer):
            return {
                "kind": "auth",
                "status": answer.status,
                "rights": answer.rights,
                "minutes": answer.minutes,
                "epoch": answer.epoch,
            }
        case Answered():
            assert event.state is not None
            return {
                "kind": "rsp",
                "cmd": event.command,
                "status": event.status,
                "state": event.state.to_byte(),
                "battery": event.battery,
                "counter": event.counter,
            }
        case Recorded():
            record = event.record
            return {
                "kind": "record",
                "cmd": event.command,
                "record": record.number,
                "uid": record.uid,
                "method": record.method,
                "event": record.event,
                "detail": record.detail,
                "more": event.more,
            }
        case _:
            raise AssertionError(event)
