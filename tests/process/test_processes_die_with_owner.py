"""`kill -9` of the runtime: what its commands had started is gone within two seconds, daemons included."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

OWNER = """
import asyncio
from codewhale.workspace.processes import Command, Processes

async def main():
    processes = Processes({"PATH": "/usr/bin:/bin"})
    script = "mkfifo f; (setsid sh -c 'echo $$ > f; exec sleep 300' &); read pid < f; sleep 300 & echo $$ $pid $!; wait"
    command = Command(argv=processes.shell(script), cwd=".")
    await processes.run(command, lambda text: print(text, end="", flush=True))

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for processes of others")
@pytest.mark.parametrize("trial", range(3))
def test_nothing_outlives_a_killed_owner(tmp_path: Path, trial: int) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 3
        fds = [os.pidfd_open(pid) for pid in pids]
        owner.send_signal(signal.SIGKILL)
        assert owner.wait() == -signal.SIGKILL
    for fd in fds:
        gone, _, _ = select.select([fd], [], [], 2)
        os.close(fd)
        assert gone
