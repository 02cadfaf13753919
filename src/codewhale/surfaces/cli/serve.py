"""`codewhale serve`: the runtime of this data directory, offered to other programs over HTTP."""

import argparse
import sys
from typing import Any

from codewhale import __version__
from codewhale.config.settings import Settings
from codewhale.domain.errors import ConfigError, InvalidInput
from codewhale.runtime.assembly import open_runtime
from codewhale.runtime.serving import announce, come_to_rest, owner_file
from codewhale.surfaces.cli.collector import settle
from codewhale.surfaces.cli.failures import sole
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.http.banner import banner
from codewhale.surfaces.http.bind import bindable
from codewhale.surfaces.http.origins import never_met
from codewhale.surfaces.http.server import Ready, ServeOptions, serve
from codewhale.surfaces.http.server import run as run_server
from codewhale.surfaces.http.tokens import Token, resolve_token

MAX_WORKERS = 8
_LATER = (("mcp", "--mcp"), ("acp", "--acp"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--http", action="store_true", help="serve the HTTP API (needed)")
    parser.add_argument("--mcp", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--acp", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=7878, metavar="N", help="port to listen on (default: 7878)")
    parser.add_argument(
        "--auth-token", metavar="TOKEN", help="the token clients must send; better in DEEPSEEK_RUNTIME_TOKEN"
    )
    parser.add_argument("--insecure", action="store_true", help="no token at all; on this machine only")
    parser.add_argument(
        "--workers", type=int, metavar="N", help=f"background tasks at once, 1 to {MAX_WORKERS} (default: 2)"
    )
    parser.add_argument(
        "--cors-origin", action="append", metavar="URL", help="a web page's origin that may call (repeatable)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    _check(args)
    layer: dict[str, Any] = {"cors_origins": tuple(args.cors_origin)} if args.cors_origin else {}
    if args.workers is not None:
        layer["workers"] = min(max(args.workers, 1), MAX_WORKERS)
    settings = settings_of(args, **layer)
    configured = settings.runtime_api.token
    token = resolve_token(args.auth_token, configured.reveal() if configured else None, insecure=args.insecure)
    try:
        bindable(args.host, args.port, token.value)
    except ConfigError as error:
        raise UsageError(error.message, hint=error.hint) from None
    for origin in never_met(settings.runtime_api.cors_origins):
        print(f"warning: no page has the origin {origin!r}: it is like https://app.example.com", file=sys.stderr)
    try:
        run_server(_serve(args, settings, token))
    except BaseExceptionGroup as group:
        raise sole(group) from None
    return 0


async def _serve(args: argparse.Namespace, settings: Settings, token: Token) -> None:
    async with open_runtime(settings, what="serve") as runtime:
        runtime.tasks.start()
        runtime.automations.start()
        runtime.processes.telling.begin_waking()

        def ready(server: Ready) -> None:
            settle()
            announce(runtime, url=server.url, token=server.token)
            lines = banner(
                server.url,
                server.host,
                token,
                token_file=owner_file(settings.runtime_dir),
                terminal=sys.stdout.isatty(),
            )
            print("\n".join(lines), flush=True)

        options = ServeOptions(
            version=__version__,
            workspace=settings.workspace,
            latest_seq=lambda: runtime.store.latest_seq,
            token=token.value,
            host=args.host,
            port=args.port,
            cors_origins=settings.runtime_api.cors_origins,
            idempotency=runtime.idempotency,
            drain=lambda: come_to_rest(runtime),
        )
        await serve(runtime, options, ready)


def _check(args: argparse.Namespace) -> None:
    chosen = [name for field, name in (("http", "--http"), *_LATER) if getattr(args, field)]
    if len(chosen) != 1:
        raise UsageError("Choose exactly one server mode: --mcp, --http, or --acp", hint="`codewhale serve --http`")
    if chosen[0] != "--http":
        raise InvalidInput(f"{chosen[0]} is not available in this version", hint="`codewhale serve --http` is")
