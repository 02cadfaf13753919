"""Laws of compactions in a log."""

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.compactions import Compaction
from codewhale.domain.laws import violations
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scribe import Scribe


def broken(act: Compaction) -> list[str]:
    """What the laws say of a turn with this compaction in it."""
    scribe = Scribe(ManualClock(), SequentialIds())
    new = [*scribe.start(), *scribe.ask("hello"), *scribe.open("context_compaction"), *scribe.close()]
    ended = new[-1].payload
    assert isinstance(ended, e.ItemCompleted)
    new[-1] = replace(new[-1], payload=replace(ended, item=replace(ended.item, compaction=act)))
    return violations([e.recorded(seq, one) for seq, one in enumerate(new, 1)], complete=False)


def test_only_results_that_there_are_can_be_left_out() -> None:
    found = broken(Compaction(act="pruned", tokens_before=2, tokens_after=1, pruned={"call_9": "[left out]"}))
    assert len(found) == 1
    assert "leaves out results that there are not: ['call_9']" in found[0]


def test_only_a_compaction_that_is_there_can_be_taken_back() -> None:
    found = broken(Compaction(act="restored", tokens_before=1, tokens_after=2))
    assert len(found) == 1
    assert "takes back a compaction that is not there" in found[0]
    assert broken(Compaction(act="summarized", tokens_before=2, tokens_after=1)) == []
