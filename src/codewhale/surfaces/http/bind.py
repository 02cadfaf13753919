"""The listening socket: which addresses may be bound, and what to say when it does not work."""

import errno
import os
import socket

import msgspec

from codewhale.domain.errors import ConfigError
from codewhale.surfaces.http.routes.system import SERVICE
from codewhale.surfaces.http.wire import Health

BACKLOG = 2048
PROBE_TIMEOUT = 0.5


def family_of(host: str) -> socket.AddressFamily | None:
    """The address family of an IP address in text (IPv6 with or without brackets); None for anything else."""
    for family, text in ((socket.AF_INET, host), (socket.AF_INET6, host.strip("[]"))):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return family
    return None


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    return host.strip("[]") == "::1" or (host.startswith("127.") and family_of(host) == socket.AF_INET)


def bindable(host: str, port: int, token: str | None) -> socket.AddressFamily:
    """The family of an address that may be bound, or a `ConfigError`. The machine is not asked."""
    if port <= 0:
        raise ConfigError("Port must be > 0", hint="Choose one from 1 to 65535 with --port")
    if port > 65535:
        raise ConfigError(f"Port {port} does not exist", hint="Choose one from 1 to 65535 with --port")
    family = family_of(host)
    if family is None:
        raise ConfigError(f"'{host}' is not an IP address", hint="Use --host 127.0.0.1 (or ::1) for this machine only")
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"Refusing to listen on {host} without a token: anyone on the network could run commands here",
            hint="Leave out --insecure, or use --host 127.0.0.1",
        )
    return family


def listen(host: str, port: int, token: str | None) -> socket.socket:
    """A listening socket, or a `ConfigError` that says what is wrong and what to do."""
    return _bound(bindable(host, port, token), host.strip("[]"), port)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _bind_error(error, family, host, port) from error
    sock.setblocking(False)
    return sock


def _bind_error(error: OSError, family: socket.AddressFamily, host: str, port: int) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        owner = "Another codewhale server" if _is_ours(family, host, port) else "Another program"
        hint = f"Stop it, or choose another port, e.g. --port {port + 1 if port < 65535 else port - 1}"
        return ConfigError(f"{owner} already listens on {host}:{port}", hint=hint)
    if error.errno == errno.EACCES:
        return ConfigError(f"Not allowed to listen on port {port}", hint="Choose a port above 1023 with --port")
    if error.errno == errno.EADDRNOTAVAIL:
        return ConfigError(f"This machine has no address {host}", hint="Use --host 127.0.0.1")
    return ConfigError(f"Cannot listen on {host}:{port}: {error.strerror}", hint="Choose another --host or --port")


def _is_ours(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Whether the program that has the port answers our health check. It gets no credentials."""
    name = f"[{host}]" if family == socket.AF_INET6 else host
    request = f"GET /health HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode()
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(PROBE_TIMEOUT)
            probe.connect((host, port))
            probe.sendall(request)
            answer = probe.recv(4096)
            if b'"service"' not in answer:
                answer += probe.recv(4096)
        return msgspec.json.decode(answer.partition(b"\r\n\r\n")[2], type=Health).service == SERVICE
    except (OSError, msgspec.MsgspecError):
        return False
