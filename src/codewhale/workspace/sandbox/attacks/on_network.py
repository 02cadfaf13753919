"""Attacks on the network and on other programs' sockets."""

import os
import socket

from codewhale.workspace.sandbox.attacks.attacking import FACTS, at


def tcp(family: int, host: str, protocol: int = 0) -> bool:
    with socket.socket(family, socket.SOCK_STREAM, protocol) as s:
        s.settimeout(1)
        s.connect((host, FACTS["tcp6_port" if family == socket.AF_INET6 else "tcp_port"]))
    return True


def tcp4() -> bool | None:
    return tcp(socket.AF_INET, "127.0.0.1")


def tcp6() -> bool | None:
    return None if FACTS["tcp6_port"] is None else tcp(socket.AF_INET6, "::1")


def bind_listen() -> bool | None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
    return os.readlink("/proc/self/ns/net") == FACTS["net_namespace"]


def mptcp() -> bool | None:
    return tcp(socket.AF_INET, "127.0.0.1", 262)


def tcp_fast_open() -> bool | None:
    with socket.socket() as s:
        s.settimeout(1)
        return s.sendto(b"owned", 0x20000000, ("127.0.0.1", FACTS["tcp_port"])) > 0


def udp_dns() -> bool | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", FACTS["udp_port"]))
        s.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\1x\4test\0\0\1\0\1")
        s.settimeout(0.3)
        return s.recv(10) == b"heard"


def other_transport() -> bool | None:
    for protocol, kind in ((136, socket.SOCK_DGRAM), (132, socket.SOCK_STREAM)):
        try:
            socket.socket(socket.AF_INET, kind, protocol).close()
        except OSError:
            continue
        return True
    return False


def unix(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(1)
        s.connect(path)
    return True


def unix_home() -> bool | None:
    return unix(at("home", "host.sock"))


def unix_tmp() -> bool | None:
    return unix(at("host_tmp", "host.sock"))


def unix_abstract() -> bool | None:
    return unix("\0" + FACTS["token"])


def netlink() -> bool | None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
    return True


def vsock() -> bool | None:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    return True
