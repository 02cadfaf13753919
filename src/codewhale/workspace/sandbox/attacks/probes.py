"""53 small attacks, standard library only: `probes.main()`, given FACTS and names, tries what a cage must forbid.

FACTS is JSON that says where the forbidden things are. The answer is one JSON object on stdout, name to true (the attack
worked), false (it did not) or null (there is nothing here to try it on). Each attack runs in a process of its own with a time
limit. They change nothing but what was laid out for them, and they are the proof of a tier as well as its test.
"""

import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable

from codewhale.workspace.sandbox.attacks import on_files as f
from codewhale.workspace.sandbox.attacks import on_network as n
from codewhale.workspace.sandbox.attacks import on_processes as p
from codewhale.workspace.sandbox.attacks.attacking import FACTS, at, put

SECONDS = 3

PROBES = (
    *(
        f.write_home,
        f.write_bashrc,
        f.write_host_tmp,
        f.write_host_shm,
        f.chmod_outside,
        f.utime_outside,
        f.setxattr_outside,
    ),
    *(
        f.truncate_outside,
        f.link_outside_in,
        f.rename_outside_in,
        f.symlink_out,
        f.proc_self_root,
        f.proc_pid_root,
        f.inherited_fd,
    ),
    *(f.read_ssh, f.read_aws, p.environ_of_other, p.own_environ, p.list_processes),
    *(
        n.tcp4,
        n.tcp6,
        n.bind_listen,
        n.mptcp,
        n.tcp_fast_open,
        n.udp_dns,
        n.other_transport,
        n.unix_home,
        n.unix_tmp,
        n.unix_abstract,
    ),
    *(n.netlink, n.vsock, p.io_uring, p.keyctl),
    *(p.kill_host, p.ptrace_host, p.vm_readv_host, p.pidfd_getfd_host, p.sysv_shm, p.setpriority_host),
    *(f.git_hook, f.git_config, f.git_swap, f.create_missing),
    *(p.new_user_namespace, p.mount, p.raw_socket, p.mknod, p.proc_sys, p.gain_privilege, p.daemon),
    *(f.bare_repository, f.setuid_bit, p.memfd_exec),
)


def write_workspace() -> bool | None:
    return put(at("workspace", "allowed"))


def write_temporary() -> bool | None:
    with tempfile.TemporaryFile() as file:
        return file.write(b"x") == 1


def socket_pair() -> bool | None:
    a, b = socket.socketpair()
    a.send(b"x")
    return b.recv(1) == b"x"


MUST_WORK = (write_workspace, write_temporary, socket_pair)


def attempt(probe: Callable[[], bool | None]) -> bool | None:
    """Run one in a child; its answer, False for an error, a signal or a time-out."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        answer = b"0"
        try:
            worked = probe()
            answer = b"-" if worked is None else b"1" if worked else b"0"
        except (OSError, KeyError, AttributeError, ValueError):
            pass
        finally:
            os.write(write, answer)
            os._exit(0)
    os.close(write)
    said = os.read(read, 1)
    os.close(read)
    os.waitpid(pid, 0)
    return None if said == b"-" else said == b"1"


def main() -> None:
    FACTS.update(json.loads(sys.argv[1]))
    wanted = sys.argv[2:]
    known = {probe.__name__: probe for probe in (*PROBES, *MUST_WORK)}
    print(json.dumps({name: attempt(known[name]) for name in wanted or known}))
