"""53 small attacks, standard library only: `python -I -S probes.py FACTS [NAME ...]` tries what a cage must forbid.

FACTS is JSON that says where the forbidden things are. The answer is one JSON object on stdout, name to true (the attack
worked), false (it did not) or null (there is nothing here to try it on). Each attack runs in a process of its own with a time
limit. They change nothing but what was laid out for them, and they are the proof of a tier as well as its test.
"""

import ctypes
import json
import os
import signal
import socket
import struct
import sys
import time

FACTS: dict = {}
libc = ctypes.CDLL(None, use_errno=True)
ARCH = 0 if os.uname().machine == "x86_64" else 1
SECONDS = 3
SYS = {
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "unshare": (272, 97),
    "mount": (165, 40),
}


def call(name, *args):
    """A raw system call; its result, -1 for every error."""
    return libc.syscall(
        SYS[name][ARCH], *(a if isinstance(a, (bytes, ctypes._Pointer)) else ctypes.c_long(a) for a in args)
    )


def put(path, content="owned"):
    with open(path, "w") as file:
        file.write(content)
    return True


def at(name, *parts):
    return os.path.join(FACTS[name], *parts)


def write_home():
    return put(at("home", "new-file"))


def write_bashrc():
    with open(at("home", ".bashrc"), "a") as file:
        file.write("owned")
    return True


def write_host_tmp():
    put(at("host_tmp", "probe-new"))
    return os.path.exists(at("host_tmp", "witness"))


def write_host_shm():
    put("/dev/shm/" + FACTS["token"])
    return FACTS["shm_device"] == os.stat("/dev/shm").st_dev


def chmod_outside():
    os.chmod(at("outside", "file"), 0o640)
    return True


def utime_outside():
    os.utime(at("outside", "file"), (1, 1))
    return True


def setxattr_outside():
    os.setxattr(at("outside", "file"), "user.probe", b"1")
    return True


def truncate_outside():
    os.truncate(at("outside", "file"), 3)
    return True


def link_outside_in():
    os.link(at("outside", "file"), at("workspace", "linked"))
    return put(at("workspace", "linked"))


def rename_outside_in():
    os.rename(at("outside", "movable"), at("workspace", "moved"))
    return True


def symlink_out():
    os.symlink(at("outside", "by-link"), at("workspace", "way-out"))
    return put(at("workspace", "way-out"))


def proc_self_root():
    return put("/proc/self/root" + at("outside", "by-root"))


def proc_pid_root():
    return put("/proc/%d/root%s" % (FACTS["victim"], at("outside", "by-pid")))


def inherited_fd():
    fd = os.open("by-fd", os.O_CREAT | os.O_WRONLY, dir_fd=FACTS["inherited_fd"])
    return os.write(fd, b"owned") > 0


def read_ssh():
    return FACTS["token"] in open(at("home", ".ssh", "id_probe")).read()


def read_aws():
    return FACTS["token"] in open(at("home", ".aws", "credentials")).read()


def environ_of_other():
    return FACTS["token"] in open("/proc/%d/environ" % FACTS["victim"]).read()


def own_environ():
    return any(FACTS["token"] in value for value in os.environ.values())


def list_processes():
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                if FACTS["victim_word"] in open("/proc/%s/cmdline" % pid).read().split("\0"):
                    return True
            except OSError:
                continue
    return False


def tcp(family, host, protocol=0):
    with socket.socket(family, socket.SOCK_STREAM, protocol) as s:
        s.settimeout(1)
        s.connect((host, FACTS["tcp6_port" if family == socket.AF_INET6 else "tcp_port"]))
    return True


def tcp4():
    return tcp(socket.AF_INET, "127.0.0.1")


def tcp6():
    return None if FACTS["tcp6_port"] is None else tcp(socket.AF_INET6, "::1")


def bind_listen():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
    return os.readlink("/proc/self/ns/net") == FACTS["net_namespace"]


def mptcp():
    return tcp(socket.AF_INET, "127.0.0.1", 262)


def tcp_fast_open():
    with socket.socket() as s:
        s.settimeout(1)
        return s.sendto(b"owned", 0x20000000, ("127.0.0.1", FACTS["tcp_port"])) > 0


def udp_dns():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", FACTS["udp_port"]))
        s.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\1x\4test\0\0\1\0\1")
        s.settimeout(0.3)
        return s.recv(10) == b"heard"


def other_transport():
    for protocol, kind in ((136, socket.SOCK_DGRAM), (132, socket.SOCK_STREAM)):
        try:
            socket.socket(socket.AF_INET, kind, protocol).close()
        except OSError:
            continue
        return True
    return False


def unix(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(1)
        s.connect(path)
    return True


def unix_home():
    return unix(at("home", "host.sock"))


def unix_tmp():
    return unix(at("host_tmp", "host.sock"))


def unix_abstract():
    return unix("\0" + FACTS["token"])


def netlink():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
    return True


def vsock():
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    return True


def io_uring():
    return call("io_uring_setup", 4, bytes(120)) >= 0


def keyctl():
    return call("keyctl", 0, -3, 1) >= 0


def kill_host():
    os.kill(FACTS["victim"], 0)
    return True


def ptrace_host():
    return call("ptrace", 0x4206, FACTS["victim"], 0, 0) == 0


def vm_readv_host():
    into = ctypes.create_string_buffer(8)
    near = struct.pack("QQ", ctypes.addressof(into), 8)
    far = struct.pack("QQ", FACTS["victim_address"], 8)
    return call("process_vm_readv", FACTS["victim"], near, 1, far, 1, 0) >= 0


def pidfd_getfd_host():
    fd = call("pidfd_open", FACTS["victim"], 0)
    return fd >= 0 and call("pidfd_getfd", fd, 0, 0) >= 0


def sysv_shm():
    if FACTS["shm_key"] is None:
        return None
    return call("shmget", FACTS["shm_key"], 0, 0) >= 0


def setpriority_host():
    os.setpriority(os.PRIO_PROCESS, FACTS["victim"], 5)
    return True


def git_hook():
    return put(at("workspace", ".git", "hooks", "pre-commit"))


def git_config():
    with open(at("workspace", ".git", "config"), "a") as file:
        file.write("[core]\n\tfsmonitor = false\n")
    return True


def git_swap():
    os.rename(at("workspace", ".git"), at("workspace", ".git-old"))
    os.mkdir(at("workspace", ".git"))
    os.rmdir(at("workspace", ".git"))
    os.rename(at("workspace", ".git-old"), at("workspace", ".git"))
    return True


def create_missing():
    os.makedirs(at("workspace", ".codewhale"), exist_ok=True)
    return put(at("workspace", ".codewhale", "hooks.toml"))


def new_user_namespace():
    return call("unshare", 0x10000000) == 0


def mount():
    folder = at("workspace", "mounted")
    os.makedirs(folder, exist_ok=True)
    return call("mount", b"none", folder.encode(), b"tmpfs", 0, 0) == 0


def raw_socket():
    for family, protocol in ((socket.AF_INET, 1), (socket.AF_PACKET, 0)):
        try:
            socket.socket(family, socket.SOCK_RAW, protocol).close()
        except OSError:
            continue
        return True
    return False


def mknod():
    os.mknod(at("workspace", "node"), 0o20600, os.makedev(1, 7))
    return True


def proc_sys():
    with open("/proc/sys/kernel/hostname", "r+") as file:
        name = file.read()
        file.seek(0)
        file.write(name)
    return True


def gain_privilege():
    return "NoNewPrivs:\t0" in open("/proc/self/status").read()


def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            for fd in range(3):
                os.close(fd)
            os.execv(
                sys.executable,
                [FACTS["daemon_word"], "-I", "-S", "-c", "import time; time.sleep(600)", FACTS["daemon_word"]],
            )
        os._exit(0)
    os.wait()
    return None


def bare_repository():
    for name in ("objects", "refs"):
        os.makedirs(at("workspace", "bare", name))
    return put(at("workspace", "bare", "HEAD"), "ref: refs/heads/main\n")


def setuid_bit():
    put(at("workspace", "setuid"))
    os.chmod(at("workspace", "setuid"), 0o4755)
    return bool(os.stat(at("workspace", "setuid")).st_mode & 0o4000)


def memfd_exec():
    fd = os.memfd_create("probe", 0)
    with open("/bin/true", "rb") as file:
        os.write(fd, file.read())
    pid = os.fork()
    if pid == 0:
        os.execv("/proc/self/fd/%d" % fd, ["true"])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


PROBES = (
    *(write_home, write_bashrc, write_host_tmp, write_host_shm, chmod_outside, utime_outside, setxattr_outside),
    *(truncate_outside, link_outside_in, rename_outside_in, symlink_out, proc_self_root, proc_pid_root, inherited_fd),
    *(read_ssh, read_aws, environ_of_other, own_environ, list_processes),
    *(tcp4, tcp6, bind_listen, mptcp, tcp_fast_open, udp_dns, other_transport, unix_home, unix_tmp, unix_abstract),
    *(netlink, vsock, io_uring, keyctl),
    *(kill_host, ptrace_host, vm_readv_host, pidfd_getfd_host, sysv_shm, setpriority_host),
    *(git_hook, git_config, git_swap, create_missing),
    *(new_user_namespace, mount, raw_socket, mknod, proc_sys, gain_privilege, daemon),
    *(bare_repository, setuid_bit, memfd_exec),
)


def write_workspace():
    return put(at("workspace", "allowed"))


def write_temporary():
    import tempfile

    with tempfile.TemporaryFile() as file:
        return file.write(b"x") == 1


def socket_pair():
    a, b = socket.socketpair()
    a.send(b"x")
    return b.recv(1) == b"x"


MUST_WORK = (write_workspace, write_temporary, socket_pair)


def attempt(probe):
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


def main():
    FACTS.update(json.loads(sys.argv[1]))
    wanted = sys.argv[2:]
    known = {probe.__name__: probe for probe in (*PROBES, *MUST_WORK)}
    print(json.dumps({name: attempt(known[name]) for name in wanted or known}))


if __name__ == "__main__":
    main()
