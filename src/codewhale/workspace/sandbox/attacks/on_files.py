"""Attacks on files: outside the writable folder, on secrets, and on what steers git and agents inside it."""

import os

from codewhale.workspace.sandbox.attacks.attacking import FACTS, at, put


def write_home() -> bool | None:
    return put(at("home", "new-file"))


def write_bashrc() -> bool | None:
    with open(at("home", ".bashrc"), "a") as file:
        file.write("owned")
    return True


def write_host_tmp() -> bool | None:
    put(at("host_tmp", "probe-new"))
    return os.path.exists(at("host_tmp", "witness"))


def write_host_shm() -> bool | None:
    put("/dev/shm/" + FACTS["token"])
    return FACTS["shm_device"] == os.stat("/dev/shm").st_dev


def chmod_outside() -> bool | None:
    os.chmod(at("outside", "file"), 0o640)
    return True


def utime_outside() -> bool | None:
    os.utime(at("outside", "file"), (1, 1))
    return True


def setxattr_outside() -> bool | None:
    os.setxattr(at("outside", "file"), "user.probe", b"1")
    return True


def truncate_outside() -> bool | None:
    os.truncate(at("outside", "file"), 3)
    return True


def link_outside_in() -> bool | None:
    os.link(at("outside", "file"), at("workspace", "linked"))
    return put(at("workspace", "linked"))


def rename_outside_in() -> bool | None:
    os.rename(at("outside", "movable"), at("workspace", "moved"))
    return True


def symlink_out() -> bool | None:
    os.symlink(at("outside", "by-link"), at("workspace", "way-out"))
    return put(at("workspace", "way-out"))


def proc_self_root() -> bool | None:
    return put("/proc/self/root" + at("outside", "by-root"))


def proc_pid_root() -> bool | None:
    return put(f"/proc/{FACTS['victim']}/root" + at("outside", "by-pid"))


def inherited_fd() -> bool | None:
    fd = os.open("by-fd", os.O_CREAT | os.O_WRONLY, dir_fd=FACTS["inherited_fd"])
    return os.write(fd, b"owned") > 0


def read_ssh() -> bool | None:
    return FACTS["token"] in open(at("home", ".ssh", "id_probe")).read()


def read_aws() -> bool | None:
    return FACTS["token"] in open(at("home", ".aws", "credentials")).read()


def git_hook() -> bool | None:
    return put(at("workspace", ".git", "hooks", "pre-commit"))


def git_config() -> bool | None:
    with open(at("workspace", ".git", "config"), "a") as file:
        file.write("[core]\n\tfsmonitor = false\n")
    return True


def git_swap() -> bool | None:
    os.rename(at("workspace", ".git"), at("workspace", ".git-old"))
    os.mkdir(at("workspace", ".git"))
    os.rmdir(at("workspace", ".git"))
    os.rename(at("workspace", ".git-old"), at("workspace", ".git"))
    return True


def create_missing() -> bool | None:
    os.makedirs(at("workspace", ".codewhale"), exist_ok=True)
    return put(at("workspace", ".codewhale", "hooks.toml"))


def bare_repository() -> bool | None:
    for name in ("objects", "refs"):
        os.makedirs(at("workspace", "bare", name))
    return put(at("workspace", "bare", "HEAD"), "ref: refs/heads/main\n")


def setuid_bit() -> bool | None:
    put(at("workspace", "setuid"))
    os.chmod(at("workspace", "setuid"), 0o4755)
    return bool(os.stat(at("workspace", "setuid")).st_mode & 0o4000)
