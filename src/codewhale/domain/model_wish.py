"""A question to the model apart from the conversation: what a tool asks for and gets."""

from codewhale.domain.wishes import Wish


class AskModel(Wish[str], frozen=True, kw_only=True):
    """The turn's model answers `prompt` under `system`, without tools and without the conversation. What it costs counts to
    the turn. Granted with its text."""

    system: str
    prompt: str
    max_output_tokens: int = 4096
