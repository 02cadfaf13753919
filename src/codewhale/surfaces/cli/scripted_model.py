"""`codewhale scripted-model --script FILE [--port N]`: serve a script until Ctrl-C. No key, no network beyond loopback."""

import argparse
import asyncio
import contextlib
import signal

from codewhale.llm.scripted.script import Script, load_script
from codewhale.llm.scripted.server import ScriptedModel
from codewhale.surfaces.cli.collector import settle

DEFAULT_PORT = 8399


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--script",
        metavar="FILE",
        required=True,
        help="what the model answers: TOML, or JSON if the name ends in .json",
    )
    parser.add_argument(
        "--port", metavar="N", type=_port, default=DEFAULT_PORT, help=f"0 takes any free port (default: {DEFAULT_PORT})"
    )
    parser.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    parser.epilog = (
        "Point a client at the printed address, with any key:\n"
        "  codewhale exec --provider local --base-url http://127.0.0.1:8399/v1 --model scripted 'hello'\n"
        "What it was sent is at /_requests. docs/scripted-model.md explains scripts, faults and holds."
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM, which is a clean end."""
    script = load_script(args.script)
    with contextlib.suppress(KeyboardInterrupt):  # where the loop cannot take signals (Windows), Ctrl-C comes like this
        asyncio.run(_serve(script, args.host, args.port))
    return 0


async def _serve(script: Script, host: str, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    async with ScriptedModel(script, host=host, port=port) as server:
        settle()
        print(f"Scripted model listening on {server.url}", flush=True)
        await stopped.wait()


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is between 0 and 65535")
    return number
