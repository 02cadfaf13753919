"""Twelve secrets, planted everywhere in every form: none of them is in what the runtime keeps, streams, exports or sends."""

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from codewhale.domain.commands import NewThread, ThreadPatch
from codewhale.runtime.exporting import export_files
from codewhale.testing.homes import Home, home

SECRETS = {
    "MODEL_API_KEY": "sk-proj-T3BlbkFJaBcDeFgHiJkLmN0123456789",
    "AWS_ACCESS_KEY": "AKIAIOSFODNN7QWERTYU",
    "AWS_SECRET_KEY": "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",
    "GITHUB_TOKEN": "ghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789",
    "GITLAB_TOKEN": "glpat-aBcDeFgH0123456789xy",
    "SLACK_TOKEN": "xoxb-210987654321-210987654321-aBcDeFgHiJkLmNoP",
    "GOOGLE_API_KEY": "AIzaSyB-0123456789aBcDeFgHiJkLmNoPqRsTu",
    "STRIPE_SECRET": "sk_live_aBcDeFgHiJkLmNoP01234567",
    "NPM_TOKEN": "npm_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789",
    "DB_PASSWORD": "c0rrect-h0rse-battery!",
    "SESSION_TOKEN": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "PASSPHRASE_SECRET": "three words and 7 numbers",
}


def forms(secret: str) -> dict[str, str]:
    raw = secret.encode()
    return {
        "plain": secret,
        "base64": base64.b64encode(raw).decode(),
        "URL": quote(secret, safe=""),
        "hex": raw.hex(),
    }


def planted() -> str:
    """Everything, one per line, as a program might print it."""
    return "".join(f"{name} {form} {text}\n" for name, s in SECRETS.items() for form, text in forms(s).items())


def script(*, chunk: int) -> str:
    """The model says the secrets itself in small pieces, reads them from a file and a command, and writes them to a file."""
    calls = [
        {"tool": "read_file", "arguments": {"path": "leak.txt"}},
        {"tool": "exec_shell", "arguments": {"command": "cat leak.txt; cat leak.txt >&2"}},
        {"tool": "write_file", "arguments": {"path": "copy.txt", "content": planted()}},
        {"tool": "grep_files", "arguments": {"pattern": planted().splitlines()[0]}},
        {"tool": "no_such_tool", "arguments": {"secret": SECRETS["DB_PASSWORD"]}, "force": True},
    ]
    reply = {"reasoning": planted(), "text": planted(), "calls": calls, "chunk": chunk}
    replies = [reply, {"text": planted(), "chunk": chunk}, {"text": "OK", "chunk": 1}]
    return msgspec.json.encode({"reply": replies}).decode()


def found_in(content: bytes) -> list[str]:
    return [
        f"{name} {form}" for name, s in SECRETS.items() for form, text in forms(s).items() if text.encode() in content
    ]


def files(*folders: str) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                yield path, Path(path).read_bytes()


@pytest.mark.parametrize("chunk", [1, 7, 4096])
async def test_no_secret_is_kept_streamed_exported_or_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("DEEPSEEK_TOOL_AUDIT_LOG", str(tmp_path / "home" / "tools.log"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "leak.txt").write_text(planted())
    environ = {"DEEPSEEK_TOOL_AUDIT_LOG": str(tmp_path / "home" / "tools.log")}
    async with home(tmp_path, script(chunk=chunk), environ=environ) as place:
        await use(place)
        export_files(place.runtime.store, str(tmp_path / "export"))
        sent = [bytes(r.body) if not isinstance(r.body, str) else r.body.encode() for r in place.model.requests]
    assert len(sent) == 3
    assert [found_in(body) for body in sent] == [[], [], []]
    kept = {path: found_in(content) for path, content in files(str(tmp_path / "home"), str(tmp_path / "export"))}
    assert {path: hits for path, hits in kept.items() if hits} == {}
    assert any(path.endswith("audit.log") for path in kept)
    assert any(path.endswith("tools.log") for path in kept)


async def use(place: Home) -> None:
    thread = await place.runtime.create_thread(
        NewThread(title=f"About {SECRETS['GITHUB_TOKEN']}", system_prompt=f"Use {SECRETS['MODEL_API_KEY']}")
    )
    thread = await place.runtime.update_thread(thread.id, ThreadPatch(system_prompt=f"Use {SECRETS['NPM_TOKEN']}"))
    assert found_in(msgspec.json.encode([thread, await place.runtime.thread(thread.id)])) == []
    events = await place.say(planted(), thread=thread, answer="allow")
    assert [hits for event in events if (hits := found_in(bytes(event.payload)))] == []
    assert (Path(place.settings.workspace) / "copy.txt").read_text() == planted()
    told = await place.say("and again", thread=thread)
    assert re.search(rb'"status":"completed"', bytes(told[-1].payload))


async def test_what_is_not_known_goes_by_its_shape(tmp_path: Path) -> None:
    shaped = [s for name, s in SECRETS.items() if name not in ("AWS_SECRET_KEY", "DB_PASSWORD", "PASSPHRASE_SECRET")]
    said = [*shaped, f"password={SECRETS['DB_PASSWORD']}", f"aws_secret_access_key = {SECRETS['AWS_SECRET_KEY']}"]
    reply = {"reply": [{"text": "\n".join(said), "chunk": 3}]}
    async with home(tmp_path, msgspec.json.encode(reply).decode()) as place:
        events = await place.say("\n".join(said))
        body = place.model.requests[0].body
    content = b"".join(bytes(event.payload) for event in events) + msgspec.json.encode(body)
    assert [hit for hit in found_in(content) if not hit.startswith("PASSPHRASE")] == []
