"""What examples/ shows works as it stands there, against the real server."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codewhale.domain.events import PAYLOADS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WRITES = """
[[reply]]
text = "I write it. "
calls = [{ tool = "write_file", arguments = { path = "new.txt", content = "hi" } }]
[[reply]]
text = "Done."
"""


def run(site: Any, model: Any, *command: str, given: str = "") -> str:
    site.answered_by(model)
    server = site.serve()
    environment = {**site.env, "CODEWHALE_URL": f"http://127.0.0.1:{server.port}", "CODEWHALE_TOKEN": server.token}
    done = subprocess.run(
        command, env=environment, cwd=site.work, input=given, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_shell_example_follows_a_turn_to_its_end(site: Any, model_of: Any) -> None:
    said = run(site, model_of('[[reply]]\ntext = "Hello."\n'), str(EXAMPLES / "turn.sh"), "Greet me.")
    events = [json.loads(line) for line in said.splitlines()]
    assert [event["event"] for event in events][:2] == ["thread.started", "turn.started"]
    assert events[-1]["payload"]["turn"]["status"] == "completed"


def test_the_python_example_asks_the_person(site: Any, model_of: Any) -> None:
    said = run(site, model_of(WRITES), sys.executable, str(EXAMPLES / "turn.py"), "Write it.", given="y\n")
    assert said.startswith("I write it. ")
    assert said.endswith("Done.\n")
    assert (site.work / "new.txt").read_text() == "hi"


def test_the_page_listens_to_events_that_there_are_and_loads_nothing() -> None:
    text = (EXAMPLES / "follow.html").read_text("utf-8")
    heard = re.findall(r'addEventListener\("([a-z_]+\.[a-z_]+)"', text)
    assert heard
    assert set(heard) <= set(PAYLOADS)
    assert "/events?since_seq=0&token=" in text
    assert re.findall(r"(?:src|href)=|innerHTML", text) == []
