"""`codewhale hooks`: what would run here, and that nothing does."""

from pathlib import Path

import pytest

from codewhale.domain.hooks import Hook, Sink, ToolCategory
from codewhale.runtime.hook_listing import HookListing, SinkStanding
from codewhale.surfaces.cli.hooks import text
from codewhale.surfaces.cli.main import main

OWN = Hook(
    event="tool_call_before",
    command="./guard",
    name="guard",
    source="config.toml",
    condition=ToolCategory(category="shell"),
    strict=True,
)
SINK = Sink(kind="webhook", target="https://example.org/x", events=("turn.completed",))


def test_the_listing_for_people() -> None:
    listing = HookListing(
        enabled=True,
        own=(OWN,),
        sinks=(SinkStanding(sink=SINK, delivered=7),),
        project=(Hook(event="turn_end", command="make", name="turn_end #1", source="hooks.toml", background=True),),
    )
    assert text(listing, "config.toml") == (
        'tool_call_before   guard: ./guard when {"type":"tool_category","category":"shell"} (30 s, strict)\n'
        "This project's hooks (not trusted, so they do not run; see `codewhale trust`):\n"
        "turn_end           turn_end #1: make (30 s, in the background)\n"
        "sink               webhook https://example.org/x: turn.completed (delivered up to event 7)\n"
    )


def test_nothing_there_and_a_broken_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    (work / ".deepseek").mkdir(parents=True)
    (work / ".deepseek/hooks.toml").write_text('[[hooks]]\nevent = "turn_ends"\ncommand = "touch canary"\n')
    monkeypatch.setenv("CODEWHALE_HOME", str(home))
    assert main(["-w", str(work), "hooks"]) == 0
    out = capfd.readouterr().out
    assert "No hooks of your own" in out
    assert "This project's hooks do not run:" in out
    assert "turn_ends" in out
    assert not (work / "canary").exists()
