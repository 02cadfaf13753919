"""What leaves for GitHub is without the secrets that codewhale knows, whatever the model was made to write."""

import json
import sys
from pathlib import Path

from codewhale.domain.commands import NewThread
from codewhale.testing.call_script import calls
from codewhale.testing.homes import home

SECRET = "kq-7f3a9d1c5e8b2064aa17"
PROGRAM = """#!{python} -I
import json, sys
with open({log!r}, "w") as file:
    json.dump([sys.argv[1:], sys.stdin.read()], file)
print("https://github.com/whale/pod/issues/5#issuecomment-1")
"""


async def test_a_known_secret_is_not_sent(tmp_path: Path) -> None:
    log, gh = tmp_path / "asked", tmp_path / "gh"
    gh.write_text(PROGRAM.format(python=sys.executable, log=str(log)))
    gh.chmod(0o755)
    git = tmp_path / "work" / ".git"
    (git / "objects").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text('[remote "origin"]\n\turl = https://github.com/whale/pod\n')
    config = f'gh_bin = "{gh}"\n[providers.openrouter]\napi_key = "{SECRET}"\n'
    script = calls(("github_comment", {"target": "issue", "number": 5, "body": f"The key is {SECRET}."}))
    async with home(tmp_path, script, config=config) as place:
        await place.say("tell", NewThread(), answer="allow")
    words, body = json.loads(log.read_text())
    assert words == ["issue", "comment", "5", "--repo", "github.com/whale/pod", "--body-file", "-"]
    assert body.startswith("The key is ")
    assert SECRET not in body
