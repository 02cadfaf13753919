"""What the server says when it is ready. Pure.

The token itself is shown on a terminal only, and only when it was made up just now; a pipe may end in a log file.
"""

from codewhale.surfaces.http.bind import is_loopback
from codewhale.surfaces.http.tokens import Token


def banner(url: str, host: str, token: Token, *, token_file: str | None, terminal: bool) -> list[str]:
    """The lines to print: address, authentication, exposure."""
    lines = [f"Runtime API listening on {url}"]
    if token.value is None:
        lines.append("Authentication is OFF (--insecure): every program on this machine may use the API.")
    elif token.source != "generated":
        lines.append("Authentication: bearer token as configured.")
    elif terminal:
        lines.append(f"Authentication: bearer token {token.value}")
    else:
        lines.append("Authentication: bearer token, generated for this process.")
    if token.value is not None and token_file is not None:
        lines.append(f"Local clients find address and token in {token_file}")
    if is_loopback(host):
        lines.append("Reachable from this machine only.")
    else:
        lines.append("WARNING: reachable from the network, without encryption. Anyone with the token can run commands.")
    return lines
