from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from codewhale.workspace.capture import Capture, Captured
from codewhale.workspace.environ import DEFAULT_PATH, child_environment
from codewhale.workspace.plain import PlainStream, plain


def capture(chunks: list[bytes], head: int, tail: int) -> Captured:
    captured = Capture(head, tail)
    for chunk in chunks:
        captured.feed(chunk)
    return captured.captured()


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 30), st.integers(1, 30))
def test_head_and_tail_do_not_depend_on_how_the_bytes_came(chunks: list[bytes], head: int, tail: int) -> None:
    whole = b"".join(chunks)
    assert capture(chunks, head, tail) == capture([whole], head, tail)


@given(st.text(max_size=80), st.integers(1, 30), st.integers(1, 30))
def test_a_cut_never_splits_a_character_and_counts_add_up(text: str, head: int, tail: int) -> None:
    raw = text.encode()
    found = capture([raw], head, tail)
    assert "\ufffd" not in found.text or "\ufffd" in text
    assert text.startswith(found.head)
    assert text.endswith(found.tail)
    assert len(found.head.encode()) + len(found.tail.encode()) + found.omitted == found.length == len(raw)


def test_the_environment_has_a_path_and_no_keys() -> None:
    assert child_environment({"DEEPSEEK_API_KEY": "k", "LANG": "C"}) == {"LANG": "C", "PATH": DEFAULT_PATH}


def test_terminal_sequences_go_and_text_stays() -> None:
    text = (
        "\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x1b\\ \x9b2Jc1 \x1bc a\x08b\x00 50%\r100%\r\nend\ttab\n"
    )
    assert plain(text) == "red link 2Jc1  ab 50%\n100%\nend\ttab\n"


@given(st.text(alphabet="a\x1b[]m0;\x07\\\r\n\tP(", max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_pieces_give_what_the_whole_gives(text: str, cuts: list[int]) -> None:
    stream = PlainStream()
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    shown = "".join(stream.feed(text[a:b]) for a, b in pairwise(edges))
    assert plain(text).startswith(shown)
    assert all(c >= " " or c in "\n\t" for c in shown)


def test_an_endless_sequence_is_not_held_for_ever() -> None:
    stream = PlainStream()
    shown = stream.feed("\x1b]" + "x" * 10_000) + stream.feed("y" * 10_000)
    assert len(shown) > 10_000
