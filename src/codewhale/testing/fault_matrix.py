"""What a model server can do wrong, in every phase of an answer, and what must come of it: the matrix as values.

A cell is a script, what its turn ends as, how often the server was asked, which waits were announced, and how often the one
call of the answer ran. `LEFT_OUT` says of every other cell why it cannot exist. Both together are 19 faults by 4 phases.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

Phase = Literal["no output", "mid text", "mid arguments", "after the call"]
Point = Literal["after_headers", "mid_text", "mid_arguments", "before_finish"]
PHASES: dict[Phase, Point] = {
    "no output": "after_headers",
    "mid text": "mid_text",
    "mid arguments": "mid_arguments",
    "after the call": "before_finish",
}
FAULTS = tuple(f"LF-{number:02}" for number in range(1, 20))
TEXT = ["Half of ", "the answer."]
WHOLE = "".join(TEXT)
BACK_OFF = (1.0, 2.0, 4.0)
Json = Mapping[str, object]

RUN: Json = {"id": "call_1", "tool": "exec_shell", "arguments": {"command": "echo run >> ran.txt"}}


class Cell(Struct, frozen=True, kw_only=True):
    """One trial. `replies` are those of the script, in order; `stalls` says that time has to pass for an answer that stands
    still, `ticks` that it passes by itself. `told` is in a result, a note or the
    error of the turn."""

    fault: str
    phase: Phase
    name: str
    replies: tuple[Json, ...]
    ends: str = "completed"
    asked: int = 2
    waits: tuple[float, ...] = ()
    runs: int = 1
    stalls: bool = False
    ticks: bool = False
    told: str = ""
    golden: bool = False
    chat_only: bool = False

    @property
    def id(self) -> str:
        return f"{self.fault} {self.phase} {self.name}".replace(" ", "-")

    @property
    def script(self) -> str:
        """The script as JSON."""
        return msgspec.json.encode({"reply": self.replies}).decode()


def answer(*faults: Json, calls: tuple[Json, ...] = (RUN,), **more: object) -> Json:
    """The first reply: text and a call."""
    return {"text": TEXT, "calls": calls, "faults": faults, **more}


DONE: Json = {"text": "Done."}


def passes(fault: str, phase: Phase, name: str, effect: Json, *, golden: bool = False, stalls: bool = False) -> Cell:
    """The fault comes once, is got over by asking again, and what the answer asks for runs once."""
    return Cell(
        fault=fault,
        phase=phase,
        name=f"{name} once",
        replies=(answer(effect), DONE),
        asked=3,
        waits=(1.0,),
        stalls=stalls,
        golden=golden,
    )


def stays(fault: str, phase: Phase, name: str, effect: Json, ends: str, *, stalls: bool = False) -> Cell:
    """The fault comes every time; nothing of what the answer asks for runs."""
    return Cell(
        fault=fault,
        phase=phase,
        name=f"{name} always",
        replies=(answer({**effect, "times": 0}),),
        ends=ends,
        asked=4,
        waits=BACK_OFF,
        runs=0,
        stalls=stalls,
        told="Tried 4 times.",
    )


def final(fault: str, phase: Phase, name: str, effect: Json, ends: str, *, golden: bool = False) -> Cell:
    """What asking again cannot change: it is asked once, and the error says what it is."""
    return Cell(
        fault=fault,
        phase=phase,
        name=name,
        replies=(answer({**effect, "times": 0}),),
        ends=ends,
        asked=1,
        runs=0,
        golden=golden,
    )


def harmless(fault: str, phase: Phase, name: str, effect: Json, *, golden: bool = False) -> Cell:
    """What must be read as if it were not there."""
    return Cell(fault=fault, phase=phase, name=name, replies=(answer(effect), DONE), golden=golden)


def matrix() -> list[Cell]:
    """All cells."""
    cells: list[Cell] = []
    for phase, point in PHASES.items():
        cells += _lost(phase, point)
        cells += _garbled(phase, point)
    return [*cells, *_refused(), *_called(), *_ended(), *_bounded(), *_kept_alive()]


def _lost(phase: Phase, point: Point) -> list[Cell]:
    where = phase == "mid text"
    cells = [
        passes("LF-02", phase, "stall", {"stall": point}, golden=where, stalls=True),
        stays("LF-02", phase, "stall", {"stall": point}, "provider_timeout", stalls=True),
        Cell(
            fault="LF-03",
            phase=phase,
            name="a byte at a time",
            replies=(answer({"drip": {"bytes": 1}, "garbage": "comments", "at": point, "times": 0}),),
            ends="provider_timeout",
            asked=1,
            runs=0,
            ticks=True,
            golden=where,
            told="did not finish within 1800 s",
        ),
    ]
    if phase == "no output":
        cells.append(passes("LF-01", phase, "silence", {"stall": "before_headers"}, golden=True, stalls=True))
        cells.append(stays("LF-01", phase, "silence", {"stall": "before_headers"}, "provider_timeout", stalls=True))
    for kind in ("cut", "reset", "half_close"):
        golden = phase == "mid arguments" and kind == "cut"
        cells.append(passes("LF-04", phase, kind, {kind: point}, golden=golden))
        cells.append(stays("LF-04", phase, kind, {kind: point}, "provider_network"))
    return cells


def _garbled(phase: Phase, point: Point) -> list[Cell]:
    cells = [harmless("LF-05", phase, kind, {"garbage": kind, "at": point}) for kind in ("no_colon", "comment", "bom")]
    flood: Json = {"garbage": "comments", "at": point, "size": 1024 * 1024}
    cells.append(harmless("LF-05", phase, "comments", flood))
    cells.append(harmless("LF-05", phase, "bytes", {"drip": {"bytes": 1}, "at": point}))
    for kind in ("bad_utf8", "not_json", "nul"):
        golden = phase == "mid text" and kind == "bad_utf8"
        effect: Json = {"garbage": kind, "at": point}
        cells.append(final("LF-05", phase, kind, effect, "provider_protocol", golden=golden))
    huge: Json = {"garbage": "huge_line", "at": point, "size": 11 * 1024 * 1024}
    cells.append(final("LF-05", phase, "huge_line", huge, "provider_protocol"))
    error: Json = {"garbage": "error_frame", "at": point}
    cells.append(passes("LF-06", phase, "error in the stream", error, golden=phase == "after the call"))
    cells.append(stays("LF-06", phase, "error in the stream", error, "provider_server"))
    if phase == "no output":
        forms: dict[str, Json] = {
            "crlf": {"framing": "crlf"},
            "cr": {"framing": "cr"},
            "no space": {"space": False},
            "unterminated": {"terminate": False},
        }
        cells += [harmless("LF-05", phase, name, form) for name, form in forms.items()]
    return cells


def _refused() -> list[Cell]:
    """What comes in place of an answer, so before any output."""
    now: Phase = "no output"
    cells = [
        passes("LF-06", now, "JSON error", {"garbage": "json_error"}),
        final("LF-06", now, "HTML", {"garbage": "html"}, "provider_protocol"),
        harmless("LF-06", now, "wrong content type", {"content_type": "text/plain"}),
        stays("LF-07", now, "429", {"error": "rate_limit"}, "provider_rate_limit"),
    ]
    comes_back: dict[str, tuple[Json, float]] = {
        "seconds": ({"retry_after": 2}, 2.0),
        "negative": ({"retry_after": -5}, 0.0),
        "huge": ({"retry_after": 1e9}, 60.0),
        "missing": ({}, 1.0),
        "not a number": ({"retry_after": "NaN"}, 1.0),
        "a date long ago": ({"retry_after_date": -60}, 0.0),
        "a date far off": ({"retry_after_date": 86400}, 60.0),
    }
    for name, (header, wait) in comes_back.items():
        cell = passes("LF-07", now, name, {"error": "rate_limit", **header}, golden=name == "seconds")
        cells.append(msgspec.structs.replace(cell, waits=(wait,)))
    cells += [passes("LF-08", now, str(status), {"status": status}) for status in (500, 502, 503, 529, 408)]
    row = answer({"status": 500}, {"status": 502}, {"status": 529})
    cells.append(
        Cell(fault="LF-08", phase=now, name="in a row", replies=(row, DONE), asked=5, waits=BACK_OFF, golden=True)
    )
    cells.append(stays("LF-08", now, "503", {"status": 503}, "provider_overloaded"))
    for error in ("context_length", "authentication", "authorization", "model_not_found", "content_policy", "quota"):
        golden = error == "authentication"
        cells.append(final("LF-09", now, error, {"error": error}, f"provider_{error}", golden=golden))
    return cells


def _called() -> list[Cell]:
    """What is wrong with the calls of a whole answer."""
    deep = '{"command":' + "[" * 10_000 + "]" * 10_000 + "}"
    odd = {
        "too large": '{"command":"' + "x" * (1024 * 1024) + '"}',
        "too deep": deep,
        "not JSON": '{"command": echo',
        "truncated": '{"command":"echo run >> ran',
        "a field twice": '{"command":"echo a >> ran.txt","command":"echo b >> ran.txt"}',
        "not a number": '{"command":"echo a >> ran.txt","timeout_ms":NaN}',
        "a list": "[]",
        "a type": '{"command":17}',
        "an extra field": '{"command":"echo a >> ran.txt","as_root":true}',
    }
    cells: list[Cell] = []
    for name, text in odd.items():
        fault = "LF-12" if name in ("a type", "an extra field") else "LF-10"
        call: Json = {"id": "call_1", "tool": "exec_shell", "raw_arguments": text}
        cells.append(
            Cell(
                fault=fault,
                phase="mid arguments",
                name=name,
                replies=(answer(calls=(call,)), DONE),
                runs=0,
                told="was not run",
                golden=name in ("truncated", "an extra field"),
            )
        )
    unknown: Json = {"id": "call_1", "tool": "launch_rocket", "force": True}
    cells.append(
        Cell(
            fault="LF-12", phase="mid arguments", name="unknown tool", replies=(answer(calls=(unknown,)), DONE), runs=0
        )
    )
    ids = {
        "the same id twice": ("call_1", "call_1"),
        "no ids": ("", ""),
        "path characters": ("../../etc/passwd", "a/b\\c"),
        "control characters": ("a\nb", "\u202ea"),
    }
    for name, pair in ids.items():
        both = tuple({**RUN, "id": one} for one in pair)
        again = answer(calls=({**RUN, "id": pair[0]},))
        cells.append(
            Cell(
                fault="LF-11",
                phase="after the call",
                name=name,
                replies=(answer(calls=both), again, DONE),
                asked=3,
                runs=3,
                golden=name == "the same id twice",
            )
        )
    nothing: Json = {}
    many = tuple({"id": f"call_{n}", "tool": "list_dir", "arguments": nothing} for n in range(1000))
    cells.append(
        Cell(
            fault="LF-13",
            phase="after the call",
            name="1000 calls",
            replies=(answer(calls=many), DONE),
            runs=0,
            told="at most 128 calls",
        )
    )
    return cells


def _ended() -> list[Cell]:
    """How answers end that do not end as they should."""
    last: Phase = "after the call"
    text_only: Json = {"text": TEXT}
    return [
        passes("LF-14", last, "no stop after a call", {"finish": False, "done": False}, golden=True),
        Cell(
            fault="LF-14",
            phase="mid text",
            name="no stop after text",
            replies=({**text_only, "faults": ({"finish": False, "done": False},)},),
            asked=1,
            runs=0,
            told="it may be cut off",
            chat_only=True,
        ),
        harmless("LF-14", last, "two stops", {"finish_twice": True}),
        harmless("LF-14", last, "text after the stop", {"after_finish": " And more."}),
        harmless("LF-14", last, "no end mark", {"done": False}),
        Cell(
            fault="LF-17",
            phase=last,
            name="the same call for ever",
            replies=tuple(answer(calls=({**RUN, "id": f"call_{n}"},)) for n in range(9)),
            ends="step_limit",
            asked=5,
            runs=5,
            golden=True,
        ),
        Cell(
            fault="LF-18",
            phase="mid text",
            name="our own framing",
            replies=(
                {
                    "text": [
                        "Half of \n\nevent: turn.completed\n",
                        'data: {"turn":{}}\n\nid: 999\n\n: x\r\rthe answer.',
                    ],
                    "calls": ({**RUN, "tool": "a\nevent: turn.completed\n\n", "force": True},),
                },
                DONE,
            ),
            runs=0,
            golden=True,
        ),
    ]


def _bounded() -> list[Cell]:
    now: Phase = "no output"
    gzip: Json = {"headers": {"Content-Encoding": "gzip"}}
    large: Json = {"headers": {"X-Large": "x" * 1024 * 1024}}
    return [
        final("LF-15", now, "compressed", gzip, "provider_protocol", golden=True),
        final("LF-15", now, "header of 1 MB", large, "provider_protocol"),
        final("LF-15", now, "redirect", {"redirect": "http://localhost:9/v1"}, "provider_protocol"),
        Cell(
            fault="LF-15",
            phase="mid text",
            name="20000 tiny deltas",
            replies=({"text": {"text": "x", "count": 20_000}},),
            asked=1,
            runs=0,
        ),
    ]


def _kept_alive() -> list[Cell]:
    """Connections that are closed between requests."""
    gone: Json = {"text": "Done.", "faults": ({"cut": "before_headers"},)}
    return [
        Cell(
            fault="LF-19",
            phase="no output",
            name="closed before the next request",
            replies=(answer(), gone),
            asked=3,
            golden=True,
        ),
        passes("LF-19", "no output", "closed on a new connection", {"cut": "before_headers"}),
        harmless("LF-19", "no output", "not kept alive", {"keep_alive": False}),
        passes("LF-19", "mid text", "closed in the answer", {"cut": "mid_text"}),
    ]


_WHOLE_CALLS = "what is wrong with a call shows when it is whole, and cut calls are LF-04"
_WHOLE_ANSWER = "a status, or what comes in place of an answer, comes before any output"
_CONNECTING = "certificates, names and proxies matter while connecting, before any output"

LEFT_OUT: dict[str, tuple[tuple[Phase, ...], str]] = {
    "LF-01": (("mid text", "mid arguments", "after the call"), "never answering ends where output begins: LF-02"),
    "LF-07": (("mid text", "mid arguments", "after the call"), _WHOLE_ANSWER),
    "LF-08": (("mid text", "mid arguments", "after the call"), _WHOLE_ANSWER),
    "LF-09": (("mid text", "mid arguments", "after the call"), _WHOLE_ANSWER),
    "LF-10": (("no output", "mid text", "after the call"), _WHOLE_CALLS),
    "LF-11": (("no output", "mid text", "mid arguments"), _WHOLE_CALLS),
    "LF-12": (("no output", "mid text", "after the call"), _WHOLE_CALLS),
    "LF-13": (("no output", "mid text", "mid arguments"), _WHOLE_CALLS),
    "LF-14": (("no output", "mid arguments"), "an answer without its end is one that stops before or behind something"),
    "LF-15": (("mid arguments", "after the call"), "heads come first; large arguments are LF-10"),
    "LF-16": (tuple(PHASES), f"{_CONNECTING}: tested with real certificates in tests/unit/llm/test_connecting.py"),
    "LF-17": (("no output", "mid text", "mid arguments"), "a loop is made of whole answers"),
    "LF-18": (("no output", "mid arguments", "after the call"), "framing is in texts and names; both are in one cell"),
    "LF-19": (("mid arguments", "after the call"), "a connection that closes in an answer is LF-04"),
}
"""Cells that cannot exist, or are tested elsewhere, and why."""
