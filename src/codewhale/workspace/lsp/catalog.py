"""Which server is for which file, and which program it is.

A server is a program of the person's machine: an absolute path, or found in an absolute folder of `PATH`; never anything that
lies in the workspace, whatever that says about itself.
"""

import os
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.confinement import within
from codewhale.domain.language_servers import LspSettings


class Known(Struct, frozen=True, kw_only=True):
    """A server: the command lines that may start it, best first; the language of each extension; what it is told at the
    start; and whether it says when it has read the project."""

    language: str
    commands: tuple[tuple[str, ...], ...]
    extensions: Mapping[str, str]
    options: Mapping[str, object] = {}
    tells_quiet: bool = False


KNOWN: tuple[Known, ...] = (
    Known(
        language="python",
        commands=(("pyright-langserver", "--stdio"), ("basedpyright-langserver", "--stdio")),
        extensions={".py": "python", ".pyi": "python", ".pyw": "python"},
    ),
    Known(
        language="typescript",
        commands=(("typescript-language-server", "--stdio"),),
        extensions={
            **dict.fromkeys((".ts", ".mts", ".cts"), "typescript"),
            **dict.fromkeys((".js", ".mjs", ".cjs"), "javascript"),
            ".tsx": "typescriptreact",
            ".jsx": "javascriptreact",
        },
    ),
    Known(language="go", commands=(("gopls", "serve"),), extensions={".go": "go"}),
    Known(
        language="rust",
        commands=(("rust-analyzer",),),
        extensions={".rs": "rust"},
        options={"checkOnSave": False},
        tells_quiet=True,
    ),
    Known(
        language="cpp",
        commands=(("clangd", "--background-index=false"),),
        extensions={
            **dict.fromkeys((".c", ".h"), "c"),
            **dict.fromkeys((".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".ipp"), "cpp"),
        },
    ),
)
ALSO_CALLED = {"javascript": "typescript", "ts": "typescript", "js": "typescript", "c": "cpp", "c++": "cpp"}


def servers_of(settings: LspSettings) -> tuple[Known, ...]:
    """The servers of these settings: the person's own first, then the known ones with the person's command lines."""
    own = [
        Known(
            language=name,
            commands=(one.argv,),
            extensions=dict.fromkeys(one.extensions, one.language_id),
        )
        for name, one in settings.custom.items()
    ]
    lines = {ALSO_CALLED.get(language, language): argv for language, argv in settings.servers.items()}
    return (*own, *(_with_line(known, lines.get(known.language)) for known in KNOWN))


def _with_line(known: Known, argv: tuple[str, ...] | None) -> Known:
    return known if argv is None else replace(known, commands=(argv,))


def for_file(servers: tuple[Known, ...], path: str) -> Known | None:
    """The server for a file, by the end of its name."""
    extension = os.path.splitext(path)[1].lower()
    return next((known for known in servers if extension in known.extensions), None)


def language_id(known: Known, path: str) -> str:
    """The protocol's word for the file's language."""
    return known.extensions[os.path.splitext(path)[1].lower()]


class Program(Struct, frozen=True, kw_only=True):
    """The command line of a server with its absolute program, and the `PATH` that it gets."""

    argv: tuple[str, ...]
    path: str


def program_of(known: Known, search_path: str, root: str) -> Program | None:
    """The program of a server for the workspace `root`, a real path; None when it is not on this machine outside of it."""
    folders = [folder for folder in search_path.split(os.pathsep) if _outside(folder, root)]
    for argv in known.commands:
        places = [argv[0]] if os.path.isabs(argv[0]) else [os.path.join(folder, argv[0]) for folder in folders]
        for place in places if os.path.isabs(argv[0]) or os.sep not in argv[0] else ():
            if _outside(place, root) and os.path.isfile(place) and os.access(place, os.X_OK):
                return Program(argv=(place, *argv[1:]), path=os.pathsep.join(folders))
    return None


def _outside(place: str, root: str) -> bool:
    return (
        os.path.isabs(place) and not within(os.path.normpath(place), root) and not within(os.path.realpath(place), root)
    )
