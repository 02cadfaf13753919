"""What a sandbox with the network needs inside: where its forwarder is, on which port that listens, and who is told of it."""

import os

PORT = 3128
"""Any port will do in a network namespace of one's own."""

FORWARDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "forward.py")
"""The program that leads the port to the proxy's socket; it needs the standard library only."""

VARIABLES = tuple(
    name for word in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (word, word.upper())
)
"""The variables by which programs find a proxy."""


def proxy_environ(port: int = PORT) -> dict[str, str]:
    """The variables that make programs use the forwarder on this port of their own loopback, for every host."""
    url = f"http://127.0.0.1:{port}"
    return {name: "" if name.lower() == "no_proxy" else url for name in VARIABLES}
