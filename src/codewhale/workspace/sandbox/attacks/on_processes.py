"""Attacks on other processes and on the kernel."""

import ctypes
import os
import socket
import struct
import sys

from codewhale.workspace.sandbox.attacks.attacking import FACTS, at, call


def environ_of_other() -> bool | None:
    return FACTS["token"] in open(f"/proc/{FACTS['victim']}/environ").read()


def own_environ() -> bool | None:
    return any(FACTS["token"] in value for value in os.environ.values())


def list_processes() -> bool | None:
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                if FACTS["victim_word"] in open(f"/proc/{pid}/cmdline").read().split("\0"):
                    return True
            except OSError:
                continue
    return False


def io_uring() -> bool | None:
    return call("io_uring_setup", 4, bytes(120)) >= 0


def keyctl() -> bool | None:
    return call("keyctl", 0, -3, 1) >= 0


def kill_host() -> bool | None:
    os.kill(FACTS["victim"], 0)
    return True


def ptrace_host() -> bool | None:
    return call("ptrace", 0x4206, FACTS["victim"], 0, 0) == 0


def vm_readv_host() -> bool | None:
    into = ctypes.create_string_buffer(8)
    near = struct.pack("QQ", ctypes.addressof(into), 8)
    far = struct.pack("QQ", FACTS["victim_address"], 8)
    return call("process_vm_readv", FACTS["victim"], near, 1, far, 1, 0) >= 0


def pidfd_getfd_host() -> bool | None:
    fd = call("pidfd_open", FACTS["victim"], 0)
    return fd >= 0 and call("pidfd_getfd", fd, 0, 0) >= 0


def sysv_shm() -> bool | None:
    if FACTS["shm_key"] is None:
        return None
    return call("shmget", FACTS["shm_key"], 0, 0) >= 0


def setpriority_host() -> bool | None:
    os.setpriority(os.PRIO_PROCESS, FACTS["victim"], 5)
    return True


def new_user_namespace() -> bool | None:
    return call("unshare", 0x10000000) == 0


def mount() -> bool | None:
    folder = at("workspace", "mounted")
    os.makedirs(folder, exist_ok=True)
    return call("mount", b"none", folder.encode(), b"tmpfs", 0, 0) == 0


def raw_socket() -> bool | None:
    for family, protocol in ((socket.AF_INET, 1), (socket.AF_PACKET, 0)):
        try:
            socket.socket(family, socket.SOCK_RAW, protocol).close()
        except OSError:
            continue
        return True
    return False


def mknod() -> bool | None:
    os.mknod(at("workspace", "node"), 0o20600, os.makedev(1, 7))
    return True


def proc_sys() -> bool | None:
    with open("/proc/sys/kernel/hostname", "r+") as file:
        name = file.read()
        file.seek(0)
        file.write(name)
    return True


def gain_privilege() -> bool | None:
    return "NoNewPrivs:\t0" in open("/proc/self/status").read()


def daemon() -> bool | None:
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


def memfd_exec() -> bool | None:
    fd = os.memfd_create("probe", 0)
    with open("/bin/true", "rb") as file:
        os.write(fd, file.read())
    pid = os.fork()
    if pid == 0:
        os.execv(f"/proc/self/fd/{fd}", ["true"])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
