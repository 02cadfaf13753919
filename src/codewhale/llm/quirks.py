"""How one endpoint wants its requests, whatever its dialect; all of it comes from profiles and settings."""

from collections.abc import Mapping

from msgspec import Struct

from codewhale.domain.messages import Effort
from codewhale.llm.profiles import Replay


class Quirks(Struct, frozen=True, kw_only=True):
    """`effort` gives the fields to add to the body per effort, `body` those that are always there; `max_output` is sent when
    the request does not ask for less. `output_field`, `usage_in_stream` and
    `call_signatures` (calls go back with what came with them) are Chat Completions' alone."""

    max_output: int | None = None
    output_field: str = "max_tokens"
    usage_in_stream: bool = True
    default_effort: Effort | None = None
    effort: Mapping[Effort, Mapping[str, object]] = {}
    body: Mapping[str, object] = {}
    replay: Replay = "none"
    caching: bool = True
    call_signatures: bool = False

    def fields(self, effort: Effort | None) -> dict[str, object]:
        """What to add to the body for an effort."""
        wanted = effort or self.default_effort
        return {**self.body, **(self.effort.get(wanted, {}) if wanted is not None else {})}

    def limit(self, asked: int | None) -> int | None:
        """The output limit to send: the lower of what is asked and what the route has."""
        return min((n for n in (asked, self.max_output) if n is not None), default=None)
