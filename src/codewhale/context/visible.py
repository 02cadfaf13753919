"""Text from files and tools as a model may see it: what no person would see in an editor is shown or taken out, and a text
cannot end the element that it stands in. Such text is data; it can never carry an instruction that its reader cannot see.
"""

import re

from codewhale.workspace.plain import plain

_TAGS = "[\U000e0000-\U000e007f]"
_HIDDEN = (
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]"
    "|(?<![\u2190-\u2bff\ufe0f\U0001f000-\U0001ffff])\u200d"  # the joiner belongs to pictures made of several
)
_SURROGATES = "[\ud800-\udfff]"


def visible(text: str) -> str:
    """`text` without tag characters and terminal sequences; other invisible characters become `<U+200B>` and the like."""
    text = plain(text)
    if text.isascii():
        return text
    text = re.sub(_SURROGATES, "\ufffd", re.sub(_TAGS, "", text))
    return re.sub(_HIDDEN, lambda found: f"<U+{ord(found[0]):04X}>", text)


def element(tag: str, content: str, **attributes: str) -> str:
    """`content` made visible, in an element that it cannot close."""
    shown = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items())
    inner = re.sub(rf"<(/?\s*{re.escape(tag)})", r"&lt;\1", visible(content), flags=re.IGNORECASE)
    return f"<{tag}{shown}>\n{inner.rstrip()}\n</{tag}>"


def _attribute(value: str) -> str:
    return visible(value).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", " ")
