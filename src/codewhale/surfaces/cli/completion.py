"""`codewhale completion`: tab completion for a shell, made from the command table and the parsers themselves."""

import argparse

from codewhale.surfaces.cli.commands import COMMANDS, GLOBAL_OPTIONS
from codewhale.surfaces.cli.parser import Parser, command_parser

FILES = frozenset({"--config", "--prompt-file", "--script"})
FOLDERS = frozenset({"-w", "--workspace"})
SHELLS = ("bash", "zsh", "fish")

_EPILOG = """\
bash:  codewhale completion bash > ~/.local/share/bash-completion/completions/codewhale
zsh:   codewhale completion zsh > "${fpath[1]}/_codewhale"
fish:  codewhale completion fish > ~/.config/fish/completions/codewhale.fish"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="which shell you use")
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    parsers = {name: command_parser(name)[0] for name in COMMANDS}
    print({"bash": bash, "zsh": zsh, "fish": fish}[args.shell](parsers))
    return 0


def words_of(parser: Parser) -> list[str]:
    """What may follow a command: the words of its positional choices, then its options."""
    choices = [word for name, words in parser.choices_of.items() if not name.startswith("-") for word in words]
    return [*choices, *parser.option_strings]


def bash(parsers: dict[str, Parser]) -> str:
    """The script for bash."""
    values = _values(parsers)
    cases = "\n".join(f'    {name}) words="{" ".join(words_of(p))}" ;;' for name, p in parsers.items())
    return f"""\
_codewhale() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="" words="" word
  COMPREPLY=()
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in {"|".join(parsers)}) command="$word"; break ;; esac
  done
  case "$before" in
    {"|".join(sorted(FILES))}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    {"|".join(sorted(FOLDERS))}) COMPREPLY=($(compgen -d -- "$current")); return ;;
{_bash_choices(parsers)}    {"|".join(values)}) return ;;
  esac
  case "$command" in
    "") words="{" ".join([*parsers, *_globals(), "--help", "--version"])}" ;;
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o filenames -F _codewhale codewhale"""


def _bash_choices(parsers: dict[str, Parser]) -> str:
    return "".join(
        f'    {option}) COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$current")); return ;;\n'
        for option, words in _option_choices(parsers).items()
    )


def zsh(parsers: dict[str, Parser]) -> str:
    """The script for zsh."""
    commands = "\n".join(f"    {_quoted(f'{name}:{COMMANDS[name][1]}')}" for name in parsers)
    cases = "\n".join(f"    {name}) compadd -- {' '.join(words_of(p))} ;;" for name, p in parsers.items())
    choices = "\n".join(f"    {o}) compadd -- {' '.join(w)}; return ;;" for o, w in _option_choices(parsers).items())
    return f"""\
#compdef codewhale
_codewhale() {{
  local command="" word
  local -a commands
  commands=(
{commands}
  )
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$word" in ({"|".join(parsers)}) command="$word"; break ;; esac
  done
  case "${{words[CURRENT-1]}}" in
    {"|".join(sorted(FILES))}) _files; return ;;
    {"|".join(sorted(FOLDERS))}) _files -/; return ;;
{choices}
    {"|".join(_values(parsers))}) return ;;
  esac
  case "$command" in
    "") _describe command commands; compadd -- {" ".join([*_globals(), "--help", "--version"])} ;;
{cases}
  esac
}}
compdef _codewhale codewhale"""


def fish(parsers: dict[str, Parser]) -> str:
    """The script for fish."""
    lines = ["complete -c codewhale -f"]
    none = f"not __fish_seen_subcommand_from {' '.join(parsers)}"
    for name, (_, text) in COMMANDS.items():
        lines.append(f"complete -c codewhale -n {_quoted(none)} -a {name} -d {_quoted(text)}")
    for names, _, text in GLOBAL_OPTIONS:
        wanted = "-F" if set(names) & (FILES | FOLDERS) else "-x"
        lines.append(f"complete -c codewhale {' '.join(map(_fish_name, names))} {wanted} -d {_quoted(text)}")
    for name, parser in parsers.items():
        seen = _quoted(f"__fish_seen_subcommand_from {name}")
        for word in words_of(parser):
            if word in _globals():
                continue
            lines.append(f"complete -c codewhale -n {seen} {_fish_word(word, parser)}")
    return "\n".join(lines)


def _fish_word(word: str, parser: Parser) -> str:
    if not word.startswith("-"):
        return f"-a {word}"
    if word in parser.choices_of:
        return f"{_fish_name(word)} -x -a {_quoted(' '.join(parser.choices_of[word]))}"
    if word in parser.value_options:
        return f"{_fish_name(word)} {'-r -F' if word in FILES else '-x'}"
    return _fish_name(word)


def _fish_name(option: str) -> str:
    return f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"


def _globals() -> list[str]:
    return [name for names, _, _ in GLOBAL_OPTIONS for name in names]


def _values(parsers: dict[str, Parser]) -> list[str]:
    """All options whose next word is a value that cannot be completed."""
    found = {option for parser in parsers.values() for option in parser.value_options}
    return sorted(found - FILES - FOLDERS - set(_option_choices(parsers)))


def _option_choices(parsers: dict[str, Parser]) -> dict[str, tuple[str, ...]]:
    found = {o: words for p in parsers.values() for o, words in p.choices_of.items() if o.startswith("-")}
    return dict(sorted(found.items()))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
