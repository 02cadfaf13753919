"""The read model of usage: what a log that was written before it gets, and turns that are counted once."""

from codewhale.domain.records import Usage
from codewhale.domain.usage import Unpriced, UsageQuery
from codewhale.store.schema import MIGRATIONS, migrate
from codewhale.store.sql import connection
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.store_kit import scribes

USED = Usage(input_tokens=10, output_tokens=2)


async def test_a_turn_of_several_calls_and_models_is_one_turn(store: SqliteStore) -> None:
    (scribe,) = scribes(1)
    calls = [*scribe.start(), *scribe.ask("Work")]
    for model in ("a", "b", "a"):
        calls += scribe.step(USED, model)
    await store.append([*calls, *scribe.step(None, "b"), *scribe.end()])
    by_day, by_model = store.usage(UsageQuery()), store.usage(UsageQuery(group_by="model"))
    for report in (by_day, by_model):
        assert (report.totals.turns, report.totals.input_tokens, report.totals.unpriced_turns) == (1, 30, 1)
    assert [(b.key, b.turns, b.input_tokens) for b in by_model.buckets] == [("a", 1, 20), ("b", 1, 10)]
    assert by_day.unpriced_reasons == (
        Unpriced(provider="deepseek", model="a", reason="no_price", steps=2),
        Unpriced(provider="deepseek", model="b", reason="no_price", steps=1),
        Unpriced(provider="deepseek", model="b", reason="no_usage", steps=1),
    )


def test_calls_recorded_before_there_were_receipts_belong_to_the_day_of_their_turn() -> None:
    ours = next(n for n, script in enumerate(MIGRATIONS) if "ADD COLUMN turn_created_at" in script)
    db = connection(":memory:")
    migrate(db, MIGRATIONS[:ours])
    db.execute(
        "INSERT INTO threads VALUES (1, 'thr_1', '', NULL, 0, '', '', '', '', '', '', 0, '', CAST('{}' AS BLOB));"
        "INSERT INTO turns VALUES (1, 'turn_1', 'thr_1', 'completed', 0,"
        ' CAST(\'{"created_at":"2026-01-01T23:59:59.000Z"}\' AS BLOB))'
    )
    row = "'m', 1, 1, NULL, NULL, NULL, NULL)"
    db.execute(f"INSERT INTO usage VALUES (5, 'thr_1', 'turn_1', '2026-01-02T00:00:01.000Z', 1, 'p', {row}")
    db.execute(f"INSERT INTO usage VALUES (6, 'thr_1', NULL, '2026-01-03T00:00:01.000Z', 1, 'p', {row}")
    migrate(db, MIGRATIONS)
    assert db.execute("SELECT seq, turn_created_at, cost_usd FROM usage ORDER BY seq").fetchall() == [
        (5, "2026-01-01T23:59:59.000Z", None),
        (6, "2026-01-03T00:00:01.000Z", None),
    ]
    db.close()
