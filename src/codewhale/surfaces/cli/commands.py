"""The table of commands and of the options that all of them take: one line each, in a newcomer's words.

Help texts, lookup with suggestions, and shell completion are all made from it. It imports nothing.
"""

PACKAGE = "codewhale.surfaces.cli"

COMMANDS: dict[str, tuple[str, str]] = {
    "exec": ("exec", "ask once: do the work in this folder, print the answer, exit"),
    "threads": ("threads", "list, show and export your past conversations"),
    "context": ("context", "see what fills a conversation's window, and what its requests cost again"),
    "task": ("task", "queue work for the background, and see what became of it"),
    "automation": ("automation", "have work queued by the clock, and see what became of it"),
    "undo": ("undo", "put the files back to before the last turn that changed any"),
    "restore": ("restore", "list the saved states of this folder, or bring one back"),
    "processes": ("processes", "see and end commands that were left running in the background"),
    "budget": ("budget", "see how much of your budgets is used"),
    "usage": ("usage", "count the tokens used and what they cost"),
    "serve": ("serve", "run the HTTP server that apps and scripts connect to"),
    "demo": ("demo", "see it fix a small failing project, without any key"),
    "config": ("config", "see and change the settings, and who set what"),
    "auth": ("auth", "keep, see and forget the keys of providers"),
    "models": ("models", "list the models you can use, and model servers found running here"),
    "model": ("model", "see where a call to a model would go, and which setting says so"),
    "doctor": ("doctor", "check the set-up: settings, key, folders, tools"),
    "store": ("store", "check or rebuild the database that keeps the conversations"),
    "import": ("import_", "take over conversations from the files of a DeepSeek-TUI or CodeWhale folder"),
    "export": ("export", "write all conversations as files that `codewhale import` reads"),
    "scripted-model": ("scripted_model", "serve a pretend model from a script, for tests"),
    "policy": ("policy", "ask what would be allowed: is this command safe, asked about or forbidden"),
    "sandbox": ("sandbox", "run one command confined, or see what confines the agent's commands here"),
    "trust": ("trust", "see and decide what this folder may make codewhale run"),
    "skills": ("skills", "see, switch, install and trust skills: instructions for kinds of work"),
    "memory": ("memory", "see what is remembered between conversations, here and everywhere"),
    "hooks": ("hooks", "see which programs of yours run at which points, and where events go"),
    "redact": ("redact", "see which secrets are taken out of what is kept, and try it"),
    "completion": ("completion", "print the tab-completion script for your shell"),
}
"""Command name to (module in this package, what it does)."""

GLOBAL_OPTIONS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("--config",), "FILE", "settings file to use (default: ~/.deepseek/config.toml)"),
    (("--profile",), "NAME", "settings profile to lay over the file: its [profiles.NAME] table"),
    (("--provider",), "ID", "who serves the model: deepseek, openai, openrouter, ollama, vllm, ..."),
    (("--model",), "NAME", "model to use"),
    (("--base-url",), "URL", "address of the model server, when it is not the provider's own"),
    (("-w", "--workspace"), "DIR", "folder to work in (default: the current one)"),
)
"""Option names, the word for the value, and what it does. Each takes a value."""


def takes_value(word: str) -> bool:
    """Whether this word of a command line is a global option whose value is the next word."""
    return any(word in names for names, _, _ in GLOBAL_OPTIONS)


def is_global(word: str) -> bool:
    """Whether this word is a global option, `--name=value` included."""
    return takes_value(word.split("=", 1)[0])
