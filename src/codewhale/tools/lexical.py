"""What a JSON decoder lets pass and a tool call must not: a field given twice, nesting without end, sheer size."""

from codewhale.domain.lexical import structure_problem

MAX_BYTES = 1024 * 1024


def check_lexical(text: str) -> str | None:
    """None, or what is wrong with the text in words. It need not be valid JSON: that is the decoder's matter."""
    if not text.strip():
        return "the arguments are empty; send a JSON object."
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "the arguments contain half of a surrogate pair, which is not text."
    if size > MAX_BYTES:
        return f"the arguments are {size} bytes; at most {MAX_BYTES} are taken. Split the call."
    problem = structure_problem(text)
    return None if problem is None else f"the arguments are {problem}."
