"""The head of a Markdown file that describes it: `key: value` lines between two `---` lines.

The subset of YAML that such files really use: plain, quoted and folded values and block scalars (`|`, `>`). Lists and
maps are skipped, and a value with a colon in it is a value, which a strict YAML reader would refuse. Pure.
"""

import msgspec

FENCE = "---"


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """The text values by key, and what follows the head. Without a head: nothing, and the whole text."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != FENCE:
        return {}, text
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() in (FENCE, "...")), None)
    if end is None:
        return {}, text
    return _values(lines[1:end]), "\n".join(lines[end + 1 :])


def heading(text: str) -> str | None:
    """The first `# heading` of Markdown."""
    found = next((line for line in text.splitlines() if line.startswith("# ")), None)
    return found[2:].strip() or None if found is not None else None


def _values(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        key, colon, rest = line.partition(":")
        if not colon or line[:1] in (" ", "\t", "#", "-", "") or (rest and not rest[0].isspace()):
            continue
        inner: list[str] = []
        while at < len(lines) and (not lines[at].strip() or lines[at][0] in " \t"):
            inner.append(lines[at])
            at += 1
        value = _value(rest.strip(), inner)
        if value is not None:
            found[key.strip().strip("'\"")] = value
    return found


def _value(first: str, inner: list[str]) -> str | None:
    if first[:1] in ("|", ">") and not first.lstrip("|>+-0123456789").split("#")[0].strip():
        return _block(inner, folded=first[0] == ">")
    if first[:1] in ("'", '"'):
        return _quoted(" ".join([first, *(line.strip() for line in inner)]).strip())
    if first[:1] in ("[", "{", "&", "*", "!") or (not first and any(line.strip() for line in inner)):
        return None
    words = [first.split(" #", 1)[0], *(line.strip() for line in inner)]
    return " ".join(word for word in words if word).strip()


def _quoted(text: str) -> str:
    quote = text[0]
    end = text.rfind(quote, 1)
    body = text[1:end] if end > 0 else text[1:]
    if quote == "'":
        return body.replace("''", "'")
    try:
        return msgspec.json.decode(f'"{body}"', type=str)
    except msgspec.DecodeError:
        return body


def _block(lines: list[str], *, folded: bool) -> str:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    cut = min(indents, default=0)
    body = [line[cut:].rstrip() for line in lines]
    if not folded:
        return "\n".join(body).strip("\n")
    paragraphs: list[str] = [""]
    for line in body:
        if line:
            paragraphs[-1] = f"{paragraphs[-1]} {line}" if paragraphs[-1] else line
        else:
            paragraphs.append("")
    return "\n".join(paragraphs).strip("\n")
