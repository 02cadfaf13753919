"""Run generated commands that the verdict engine calls safe, in a sandbox without network, and compare the tree.

`--count` texts are made (200,000 take some minutes), the safe ones are run in batches in a disposable copy of a small
repository, and everything in it is compared: names, types, modes, contents, times. Exit code 0: no effect; 1: some, with
the commands; 77: there is no sandbox here, nothing was run.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from codewhale.policy.commands.judge import judge
from codewhale.policy.commands.verdict import Place
from codewhale.testing.command_soup import MARK, texts

NO_SANDBOX = 77
BATCH = 200
META = set("'\"\\$`;&|<>(){}[]!#~*?\n")
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
LOOP = 'while IFS= read -r -d "" c; do timeout -k 1 3 bash --noprofile --norc -c "$c" </dev/null >/dev/null 2>&1; done'
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="how many texts to make")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-run", type=int, default=50_000, help="how many safe ones to run at most")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="effects-") as folder:
        home = Path(folder, "tree")
        make_tree(home)
        sandbox = confinement(home)
        if sandbox is None:
            print("SKIPPED: neither bwrap nor unshare works here, so nothing was run", file=sys.stderr)
            return NO_SANDBOX
        return check(args, home, sandbox)


def check(args: argparse.Namespace, home: Path, sandbox: Sequence[str]) -> int:
    """Judge, run, compare; print what was done."""
    started = time.monotonic()
    work = str(home / "work")
    place = Place(workspace=work, cwd=work, home=str(home))
    made, safe = 0, dict[str, None]()
    for text in islice(texts(args.seed), args.count):
        made += 1
        if judge(text, place).verdict == "safe":
            safe[text] = None
    chosen = sorted(safe, key=lambda text: not META & set(text))[: args.most_run]
    guilty: list[str] = []
    for batch in batches(chosen, BATCH):
        guilty += effects(batch, home, sandbox)
    meta = sum(1 for text in chosen if META & set(text))
    seconds = time.monotonic() - started
    print(
        f"{made} texts, {len(safe)} distinct safe, {len(chosen)} run ({meta} with meta-characters), {len(guilty)} with an effect, {seconds:.0f} s"
    )
    for text in guilty:
        print(f"EFFECT: {text!r}")
    return 1 if guilty else 0


def make_tree(home: Path) -> None:
    """A small repository with files that the generated commands name, and a home around it."""
    work = home / "work"
    (work / "src").mkdir(parents=True)
    for name, content in {
        "a.txt": "foo\nbar\n1\n",
        "b.txt": "foo\nbaz\n",
        "a b.txt": "x\n",
        "data.json": '{"name": 1}\n',
    }.items():
        (work / name).write_text(content)
    (work / "src/m.py").write_text("print('foo')\n")
    (work / "p.sh").write_text(f"#!/bin/sh\ntouch {MARK}\n")
    (work / "p.sh").chmod(0o755)
    (work / "link").symlink_to("/etc")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*GIT, *command], cwd=work, check=True, capture_output=True)
    (work / "b.txt").write_text("foo\nchanged\n")


def confinement(home: Path) -> list[str] | None:
    """The words before a command that cut it off from the network and from writing anything but the tree."""
    bwrap = [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
    ]
    for words in (
        [*bwrap, "--bind", str(home), str(home), "--chdir", str(home / "work")],
        ["unshare", "--net", "--pid", "--fork", "--kill-child"],
    ):
        if (
            shutil.which(words[0])
            and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
        ):
            return words
    return None


def effects(commands: Sequence[str], home: Path, sandbox: Sequence[str]) -> list[str]:
    """Those of the commands that change the tree; the tree is put back."""
    before = state(home)
    feed = b"\0".join(text.encode() for text in commands) + b"\0"
    environment = {**ENVIRONMENT, "HOME": str(home)}
    subprocess.run(
        [*sandbox, "bash", "-c", LOOP], input=feed, env=environment, cwd=home / "work", capture_output=True, check=False
    )
    if state(home) == before:
        return []
    shutil.rmtree(home)
    make_tree(home)
    if len(commands) == 1:
        return list(commands)
    half = len(commands) // 2
    return effects(commands[:half], home, sandbox) + effects(commands[half:], home, sandbox)


def state(home: Path) -> dict[str, tuple[int, int, str]]:
    """Every path of the tree with its mode, time of change, and content."""
    found: dict[str, tuple[int, int, str]] = {}
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            content = Path(path).read_bytes() if os.path.isfile(path) and not os.path.islink(path) else b""
            found[path] = (facts.st_mode, facts.st_mtime_ns, hashlib.sha256(content).hexdigest())
    return found


def batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items in runs of `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


if __name__ == "__main__":
    sys.exit(main())
