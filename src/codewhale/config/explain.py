"""What every layer says of a setting, and which of them holds: the record behind `codewhale config list` and `explain`.

It reads the same files and variables as `load` does, and shows what `load` made of them: never a value of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.catalogue import KEYS, pattern_of, types_of, variables_of, without_overruled
from codewhale.config.credentials import credentials_of
from codewhale.config.dotenv import all_variables, dotenv_path
from codewhale.config.editing import value_in
from codewhale.config.environment import environment, given
from codewhale.config.keys import Table, merged, profile_of
from codewhale.config.layers import Layer
from codewhale.config.load import load
from codewhale.config.managed import anchored
from codewhale.config.project import FOLDER, ProjectLimits, project_limits
from codewhale.config.routes import DEFAULT_PROVIDER, named_route, route_for
from codewhale.config.settings import POLICIES, Route, Settings
from codewhale.config.sources import SYSTEM, Overrides, files_of
from codewhale.config.values import shown
from codewhale.domain.errors import ConfigError, InvalidInput
from codewhale.domain.nearest import nearest

Source = Literal[
    "default", "file", "profile", "kept", "dotenv", "environment", "managed", "command line", "project", "requirements"
]
State = Literal["holds", "hidden", "ignored", "met"]
NOWHERE = "/nowhere/codewhale"
"""A home that is not there: settings out of it are the defaults."""
_ROUTE_KEYS = frozenset({"api_key", "base_url", "http_headers"})


class Word(Struct, frozen=True, kw_only=True):
    """What one layer says. `place` is the file or variable; `why` tells why it does not hold."""

    source: Source
    place: str
    value: object
    state: State = "hidden"
    why: str = ""


class Explained(Struct, frozen=True, kw_only=True):
    """A setting: what holds (None: nothing does), whose word that is, and all words, the lowest layer first."""

    key: str
    means: str
    value: object
    source: Source
    place: str
    words: tuple[Word, ...]


class Explainer:
    """Explains the settings of one command line."""

    def __init__(self, over: Overrides, environ: dict[str, str] | None = None, system: str = SYSTEM) -> None:
        known = environment() if environ is None else environ
        self.settings = load(over, environ=known, system=system)
        self._over = over
        self._dotenv_path = dotenv_path(known)
        self._real = known
        self._env = all_variables(known)
        profile = over.profile or given(self._env, "DEEPSEEK_PROFILE")
        self._files = files_of(over, self._env, profile, system)
        self._overruled = set(self._env) - set(without_overruled(self._env, self._files.managed))
        self._kept = credentials_of(self._env)
        self._limits = project_limits(self.settings.workspace)
        self._plain: dict[str, Settings] = {}
        self._tables: list[tuple[Source, str, Table]] = []
        person = self._files.person or {}
        self._tables.append(("file", self._files.path, {k: v for k, v in person.items() if k != "profiles"}))
        if profile is not None:
            table = profile_of(person, self._files.path, profile)
            self._tables.append(("profile", f"{self._files.path} [profiles.{profile}]", table))
        for path, table in self._files.managed:
            self._tables.append(("managed", path, anchored(table, path)))

    def paths(self) -> list[tuple[str, ...]]:
        """Every setting that there is here, with the names that the files and kept keys give for `<id>`."""
        whole: Table = {}
        for _, _, table in self._tables:
            whole = merged(whole, table)
        active = self.settings.route.provider
        found: list[tuple[str, ...]] = []
        for pattern in KEYS:
            head, chosen, _ = pattern.partition(".<id>.")
            if not chosen and pattern != "default_text_model":
                found.append(tuple(pattern.split(".")))
            if not chosen:
                continue
            table = value_in(whole, head.split("."))
            names = [*cast(Table, table)] if isinstance(table, dict) else []
            names += [active] if head == "providers" and active != DEFAULT_PROVIDER else []
            found += [
                tuple(name if part == "<id>" else part for part in pattern.split(".")) for name in dict.fromkeys(names)
            ]
        return found

    def explain(self, path: Sequence[str]) -> Explained:
        """All about one setting. `InvalidInput` with the nearest name when there is no such setting."""
        path = ("model",) if tuple(path) == ("default_text_model",) else path
        pattern = known_pattern(path)
        words = list(self._words(pattern, path))
        value = self._holding(pattern, path)
        winner = self._winner(path, words)
        words = [replace(word, state="holds") if at == winner else word for at, word in enumerate(words)]
        limit = _tightened(pattern, value, self._limits)
        project = f"{self.settings.workspace}/{FOLDER}/config.toml"
        if limit is not None:
            if limit != value:
                words = [replace(word, state="hidden") if word.state == "holds" else word for word in words]
                words.append(Word(source="project", place=project, value=limit, state="holds"))
                value = limit
            else:
                words.append(Word(source="project", place=project, value=limit, state="met"))
        words += self._ignored(path)
        words += self._requirements(pattern)
        holding = next((word for word in words if word.state == "holds"), None)
        return Explained(
            key=_dotted(path),
            means=KEYS[pattern].means,
            value=shown(pattern, value),
            source=holding.source if holding is not None else "default",
            place=holding.place if holding is not None else KEYS[pattern].unset,
            words=tuple(replace(word, value=shown(pattern, word.value)) for word in words),
        )

    def _words(self, pattern: str, path: Sequence[str]) -> Iterator[Word]:
        """From the lowest to the highest, but for requirements and the project."""
        yield Word(source="default", place=KEYS[pattern].unset, value=self._default(pattern, path))
        late = path[-1] == "api_key" and path[0] in ("api_key", "providers")
        before, after = self._names(pattern, path)
        yield from self._variables(before)
        if late:
            yield from self._kept_word(DEFAULT_PROVIDER if len(path) == 1 else path[1])
        for managed in (False, True):
            for alias in self._aliases(path):
                for source, place, table in self._tables:
                    said = value_in(table, alias) if (source == "managed") == managed else None
                    if said is not None:
                        name = "" if tuple(alias) == tuple(path) else f" {_dotted(alias)}"
                        yield Word(source=source, place=place + name, value=said)
        yield from self._variables(after)
        yield from self._flag(pattern, path)

    def _names(self, pattern: str, path: Sequence[str]) -> tuple[list[str], list[str]]:
        """The variables that a file hides, and those that hide a file."""
        names = variables_of(pattern, path)
        active = self.settings.route.provider
        if path[-1] == "api_key" and path[0] in ("api_key", "providers"):
            return (names, [])
        if tuple(path) in (("model",), ("providers", active, "model")):
            after = variables_of("model", ["model"])
            own = variables_of("providers.<id>.model", ["providers", active, "model"])
            return ([name for name in own if name not in after], after)
        if pattern == "providers.<id>.model":
            return (names, [])
        if path[:2] == ("providers", DEFAULT_PROVIDER) and path[2] in _ROUTE_KEYS:
            names = [*names, *variables_of(path[2], path[2:])]
        return ([], names)

    def _variables(self, names: Sequence[str]) -> Iterator[Word]:
        for name in reversed(dict.fromkeys(names)):
            for spelled in (name, name.lower()) if name.endswith("_PROXY") else (name,):
                value = self._env.get(spelled, "").strip()
                if not value:
                    continue
                own = spelled not in self._real
                place = f"{spelled} in {self._dotenv_path}" if own else spelled
                word = Word(source="dotenv" if own else "environment", place=place, value=value)
                yield (
                    replace(word, state="ignored", why="a managed file sets this")
                    if spelled in self._overruled
                    else word
                )

    def _kept_word(self, provider: str) -> Iterator[Word]:
        stored = self._kept.get(provider)
        if stored is None:
            return
        word = Word(source="kept", place=self._kept.place, value=stored.key)
        where = stored.endpoint or "its own address"
        route = self._route(provider)
        bound = route is None or route.api_key_source in ("keyring", "config")
        yield word if bound else replace(word, state="ignored", why=f"it was saved for {where}, another address")

    def _aliases(self, path: Sequence[str]) -> list[Sequence[str]]:
        """The paths in a file that can set this, the lowest first."""
        active = self.settings.route.provider
        if len(path) == 1 and path[0] in _ROUTE_KEYS:
            return [path, ("providers", DEFAULT_PROVIDER, path[0])]
        if len(path) == 3 and path[:2] == ("providers", DEFAULT_PROVIDER) and path[2] in _ROUTE_KEYS:
            return [path[2:], path]
        if tuple(path) in (("model",), ("default_text_model",), ("providers", active, "model")):
            return [("default_text_model",), ("model",), ("providers", active, "model")]
        return [path]

    def _flag(self, pattern: str, path: Sequence[str]) -> Iterator[Word]:
        layer, active = self._over.layer, self.settings.route.provider
        given: dict[tuple[str, ...], tuple[str, object]] = {
            ("provider",): ("--provider", layer.provider),
            ("model",): ("--model", layer.model),
            ("default_text_model",): ("--model", layer.model),
            ("providers", active, "model"): ("--model", layer.model),
            ("providers", active, "base_url"): ("--base-url", layer.base_url),
        }
        if active == DEFAULT_PROVIDER and pattern == "base_url":
            given["base_url",] = ("--base-url", layer.base_url)
        name, value = given.get(tuple(path), ("", None))
        if value is not None:
            yield Word(source="command line", place=name, value=value)

    def _winner(self, path: Sequence[str], words: Sequence[Word]) -> int | None:
        """The word that holds: the highest that is not ignored; of keys, the one that the route names."""
        usable = [at for at, word in enumerate(words) if word.state != "ignored"]
        if path[-1] == "api_key" and path[0] in ("api_key", "providers"):
            route = self._route(DEFAULT_PROVIDER if len(path) == 1 else path[1])
            wanted = {"env": ("environment", "dotenv"), "keyring": ("kept",), "config": ("file", "profile", "managed")}
            sources = wanted.get(route.api_key_source, ()) if route is not None else ()
            usable = [at for at in usable if words[at].source in sources] or usable[:1]
        return usable[-1] if usable and (len(usable) > 1 or words[usable[-1]].value is not None) else None

    def _holding(self, pattern: str, path: Sequence[str]) -> object:
        at = KEYS[pattern].at
        if not at:
            return next((value_in(table, path) for _, _, table in self._tables if value_in(table, path)), None)
        return _at(self.settings, at, path, self._route)

    def _default(self, pattern: str, path: Sequence[str]) -> object:
        at = KEYS[pattern].at
        if not at:
            return None
        provider = path[1] if path[0] == "providers" else None
        if pattern in ("model", "default_text_model"):
            provider = self.settings.route.provider
        plain = self._defaults(provider)
        value = None if plain is None else _at(plain, at, path, lambda _: plain.route)
        return value.replace(NOWHERE, self.settings.home) if isinstance(value, str) else value

    def _defaults(self, provider: str | None) -> Settings | None:
        name = provider or DEFAULT_PROVIDER
        if name not in self._plain:
            layer = Layer(provider=name, workspace=self.settings.workspace)
            try:
                self._plain[name] = load(Overrides(layer=layer), environ={"CODEWHALE_HOME": NOWHERE}, system=NOWHERE)
            except ConfigError:  # a provider that only the person's file knows
                return None
        return self._plain[name]

    def _route(self, provider: str) -> Route | None:
        if provider == self.settings.route.provider or provider in self.settings.routes:
            return route_for(self.settings, provider)
        try:
            return named_route(provider, self._env)
        except ConfigError:  # no such provider: nothing is known of it
            return None

    def _ignored(self, path: Sequence[str]) -> list[Word]:
        """What the project wants and may not."""
        config = f"{self.settings.workspace}/{FOLDER}/config.toml"
        return [
            Word(source="project", place=config, value=None, state="ignored", why=one.message.removesuffix("; ignored"))
            for one in self._limits.ignored
            if one.path == config and one.key == path[0]
        ]

    def _requirements(self, pattern: str) -> list[Word]:
        required = self.settings.required
        allowed = {"approval_policy": required.approval_policies, "sandbox_mode": required.sandbox_modes}.get(pattern)
        if allowed is None:
            return []
        return [Word(source="requirements", place=", ".join(required.paths), value=list(allowed), state="met")]


def known_pattern(path: Sequence[str]) -> str:
    """The key that a path means. `InvalidInput` with the nearest name when there is none."""
    try:
        return pattern_of(path)
    except KeyError:
        dotted = _dotted(path)
        below = [key for key in KEYS if key.startswith(dotted + ".")]
        meant = nearest(dotted, [_like(key, path) for key in KEYS])
        raise InvalidInput(
            f"{dotted} is a table, not a setting" if below else f"there is no setting {dotted!r}",
            hint=f"in it are {', '.join(below)}"
            if below
            else f"did you mean {meant}?"
            if meant
            else "`codewhale config list` shows them all",
        ) from None


def kind_of(pattern: str) -> object:
    """The type of a key."""
    return dict(types_of())[pattern]


def _like(key: str, path: Sequence[str]) -> str:
    return key.replace("<id>", path[1]) if len(path) > 1 and key.startswith("providers.") else key


def _dotted(path: Sequence[str]) -> str:
    plain = (
        part if part.replace("-", "").replace("_", "").isalnum() and part.isascii() else f'"{part}"' for part in path
    )
    return ".".join(plain)


def _inside(found: object, part: str) -> object:
    """A field, an entry of a table, or of pairs of a name and what stands under it."""
    if isinstance(found, tuple):
        return dict(cast("tuple[tuple[str, object], ...]", found)).get(part)
    return cast(Table, found).get(part) if isinstance(found, dict) else getattr(found, part)


def _at(settings: Settings, at: str, path: Sequence[str], route_of: Callable[[str], Route | None]) -> object:
    """What stands at a place in the settings."""
    found: object = settings
    parts = at.split(".")
    if parts[0] == "routes":
        name = path[1] if parts[1] == "<id>" else parts[1]
        found = route_of(name)
        parts = parts[2:]
    for part in parts:
        if part == "<id>":
            part = path[2]  # noqa: PLW2901 - the name that stands in its place
        if found is None:
            return None
        found = _inside(found, part)
    if at == "sandbox.network":
        return found == "proxy"
    return msgspec.to_builtins(found) if isinstance(found, tuple | frozenset) else found


_ORDER = ("never", "on-request", "auto")
_CAGES = ("read-only", "workspace-write", "external-sandbox", "danger-full-access")


def _tightened(pattern: str, value: object, limits: ProjectLimits) -> object:
    """What the project makes of a value; None when it says nothing of that setting."""
    if pattern == "allow_shell":
        return False if limits.no_shell else None
    if pattern == "mode":
        return "plan" if limits.plan else None
    if pattern == "approval_policy" and limits.approvals is not None:
        wanted = "never" if limits.approvals == "denied" else "on-request"
        return min(wanted, POLICIES.get(str(value), "on-request"), key=_ORDER.index)
    if pattern == "sandbox_mode" and limits.cage is not None:
        return min(limits.cage, str(value or limits.cage), key=_CAGES.index)
    return None
