"""The tools of one turn: which its requests carry, which else can be called, and why the others cannot.

The requests of a thread begin with the same tools, byte for byte; what the model finds comes after them. Whether a found
tool may still be called is looked at anew in every turn, and again by the gate in every call.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from codewhale.domain.messages import ToolSpec
from codewhale.policy.mode import Mode
from codewhale.tools.activation import Activation
from codewhale.tools.registry import ENTRIES, OTHER_NAMES, barred, every_spec, find, spec_of, unknown_tool

if TYPE_CHECKING:
    from codewhale.domain.tool_search import FindTools, FoundTool, FoundTools
    from codewhale.tools.tool import Tool

MOST_UNAVAILABLE = 3


class Allowed(Struct, frozen=True, kw_only=True):
    """What a turn may call: its mode, whether there is a shell, which tools the person wants in every request, where a
    program is, by name, and why tools are missing that settings bring."""

    mode: Mode
    allow_shell: bool
    program: Callable[[str], str | None]
    always_load: tuple[str, ...] = ()
    unset: Mapping[str, str] = {}


class Catalogue:
    """The tools of one turn. `active` are those of its thread that were found."""

    def __init__(self, allowed: Allowed, active: Activation) -> None:
        self._allowed = allowed
        self._active = active
        self._reasons: dict[str, str | None] = {}
        self._lacking: dict[str, bool] = {}

    @cached_property
    def first(self) -> tuple[ToolSpec, ...]:
        """What every request of the thread begins with: the same in every mode, since what may run is decided per call."""
        always = self._allowed.always_load
        wanted = [spec for spec in every_spec() if ENTRIES[spec.name].essential or spec.name in always]
        riding = [spec for spec in wanted if self._rides(spec.name)]
        return (
            *(spec for spec in riding if ENTRIES[spec.name].essential),
            *(spec for spec in riding if not ENTRIES[spec.name].essential),
        )

    @property
    def tail(self) -> tuple[ToolSpec, ...]:
        """What was found, in the order of its finding; it too is the same in every mode."""
        return tuple(
            spec_of(name) for name in self._active.names if name not in self._first_names and self._rides(name)
        )

    def reason(self, name: str) -> str | None:
        """Why the tool, one of ours, cannot be called; None when it can."""
        if name not in self._reasons:
            self._reasons[name] = self._looked_up(name)
        return self._reasons[name]

    def tool(self, name: str) -> "Tool | None":
        """The tool of exactly this name, if it can be called."""
        name = OTHER_NAMES.get(name, name)
        return find(name) if name in ENTRIES and self.reason(name) is None else None

    def hidden(self, name: str) -> bool:
        """Whether the tool can be called and the request does not carry it."""
        return name in ENTRIES and name not in self._first_names and name not in self._active.names

    def fits(self, name: str) -> bool:
        """Whether the requests have room for the tool."""
        return self._active.fits(name)

    def refusal(self, name: str, others: tuple[str, ...] = ()) -> str:
        """What the model is told when it calls what it cannot. `others` are tools that are not ours."""
        ours = [spec.name for spec in (*self.first, *self.tail) if self.reason(spec.name) is None]
        shown = [*ours, *others]
        if name in ENTRIES:
            return f"The tool {name} is unavailable because {self.reason(name)}. Available: {', '.join(shown)}."
        return unknown_tool(name, shown, [name for name in ENTRIES if self.reason(name) is None])

    def search(self, wish: "FindTools") -> "FoundTools":
        """The tools that fit the wish."""
        from codewhale.domain.tool_search import FoundTools  # noqa: PLC0415 - start-up: few turns look for tools
        from codewhale.tools.ranking import ranked  # noqa: PLC0415 - start-up: as above

        fitting = [spec.name for spec in ranked(wish.query, every_spec(), wish.match)]
        shown = {spec.name for spec in (*self.first, *self.tail)}
        found = [name for name in fitting if name not in shown and self.reason(name) is None][: wish.limit]
        unavailable = [(name, self.reason(name) or "") for name in fitting if self.reason(name) is not None]
        others: list[str] = []
        if not found:
            others = [spec.name for spec in every_spec() if spec.name not in shown and self.reason(spec.name) is None]
        return FoundTools(
            found=tuple(self._found(name, found[:at]) for at, name in enumerate(found)),
            shown=tuple(name for name in fitting if name in shown and self.reason(name) is None)[: wish.limit],
            unavailable=tuple(unavailable[:MOST_UNAVAILABLE]),
            others=tuple(others),
        )

    def _found(self, name: str, before: list[str]) -> "FoundTool":
        from codewhale.domain.tool_search import FoundTool  # noqa: PLC0415 - start-up: as above

        spec = spec_of(name)
        fits = self._active.fits(name, before)
        return FoundTool(name=name, description=spec.description, parameters=None if fits else spec.parameters)

    @cached_property
    def _first_names(self) -> frozenset[str]:
        return frozenset(spec.name for spec in self.first)

    def _rides(self, name: str) -> bool:
        """Whether a request may carry the tool: there is a mode in which it could be called."""
        shell = self._allowed.allow_shell or self._allowed.mode == "yolo"
        return barred(name, "agent", allow_shell=shell) is None and not self._lacks(name)

    def _lacks(self, name: str) -> bool:
        if name in self._allowed.unset:
            return True
        needs = ENTRIES[name].needs
        if not needs:
            return False
        if name not in self._lacking:
            self._lacking[name] = not any(self._allowed.program(program) for program in needs)
        return self._lacking[name]

    def _looked_up(self, name: str) -> str | None:
        reason = barred(name, self._allowed.mode, allow_shell=self._allowed.allow_shell)
        if reason is not None or not self._lacks(name):
            return reason
        programs = ENTRIES[name].needs
        return self._allowed.unset.get(name) or f"{' or '.join(programs)} is not installed on this machine"
