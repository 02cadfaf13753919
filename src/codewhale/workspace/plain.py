"""Program output as plain text, where the tools look for it; the rule itself is the domain's, as surfaces need it too."""

from codewhale.domain.plain import PlainStream, plain

__all__ = ["PlainStream", "plain"]
