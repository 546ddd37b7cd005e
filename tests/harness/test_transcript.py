"""The lines that show a variant's statements."""

from collections.abc import Sequence

from orm_async_tests.harness.definitions.variants import Observation
from orm_async_tests.harness.report.transcript import MAX_LINES, TranscriptLine, build_transcript


def sent(
    *log: str, transaction_ids: Sequence[int] = (), sqlstates: Sequence[str] = ()
) -> Observation:
    """Return the observation of a variant that sent these statements."""
    none = [""] * len(log)
    return Observation(
        log=[*log],
        transaction_ids=[*transaction_ids] or [0] * len(log),
        sqlstates=[*sqlstates] or none,
    )


def texts(observation: Observation, *wrong: Observation) -> list[str]:
    """Return the lines as "transaction: times x text"."""
    return [
        f"{line.transaction}: " * bool(line.transaction)
        + f"{line.times} x " * (line.times > 1)
        + line.text
        for line in build_transcript(observation, wrong)
    ]


def test_a_transaction_s_begin_and_end_stand_beside_its_statements() -> None:
    sent_sql = sent("BEGIN", "SELECT 1", "SELECT 2", "COMMIT", "BEGIN", "SELECT 3", "ROLLBACK")
    assert texts(sent_sql) == [
        "BEGIN; SELECT 1",
        "SELECT 2; COMMIT",
        "BEGIN; SELECT 3; ROLLBACK",
    ]


def test_an_end_that_comes_after_another_transactions_statement_stands_alone() -> None:
    sent_sql = sent(
        "BEGIN", "SELECT 1", "BEGIN", "SELECT 2", "COMMIT", transaction_ids=[0, 0, 1, 1, 0]
    )
    assert texts(sent_sql) == ["a: BEGIN; SELECT 1", "b: BEGIN; SELECT 2", "a: COMMIT"]


def test_the_same_statement_of_two_transactions_is_counted_and_names_both() -> None:
    sent_sql = sent("BEGIN", "SELECT 1", "BEGIN", "SELECT 1", transaction_ids=[0, 0, 1, 1])
    assert texts(sent_sql) == ["a, b: 2 x BEGIN; SELECT 1"]


def test_a_refused_statement_names_its_sqlstate() -> None:
    sent_sql = sent("SELECT 1 / 0", "ROLLBACK", sqlstates=["22012", ""])
    assert texts(sent_sql) == ["SELECT 1 / 0 -> 22012; ROLLBACK"]


def test_a_refused_commit_names_its_sqlstate() -> None:
    sent_sql = sent("BEGIN", "INSERT", "COMMIT", sqlstates=["", "", "23505"])
    assert texts(sent_sql) == ["BEGIN; INSERT; COMMIT -> 23505"]


def test_a_cycle_is_shown_once() -> None:
    sent_sql = sent("SELECT 0", *["SELECT 1", "SELECT 1", "SELECT 2"] * 5, "SELECT 3")
    assert texts(sent_sql) == ["SELECT 0", "5 times:", "2 x SELECT 1", "SELECT 2", "SELECT 3"]
    assert [line.depth for line in build_transcript(sent_sql)] == [0, 0, 1, 1, 0]


def test_what_follows_no_pattern_is_counted_and_nothing_is_left_out() -> None:
    order = [0, 1, 2, 0, 2, 1, 1, 0, 2, 0, 1, 2, 2, 0, 1, 2, 1, 0]
    lines = texts(sent(*(f"SELECT {number}" for number in order)))
    assert lines == ["6 x SELECT 0", "6 x SELECT 1", "6 x SELECT 2"]


def test_a_frequent_statement_does_not_stand_before_the_statements_sent_earlier() -> None:
    tables = [f"SELECT {number}" for number in range(1, MAX_LINES)]
    lines = texts(sent("BEGIN", "SAVEPOINT one", "INSERT", *tables, "INSERT", "ROLLBACK"))
    assert lines[:2] == ["BEGIN; SAVEPOINT one", "INSERT"]


def test_more_statements_than_there_is_room_for_are_said_to_be_there() -> None:
    lines = texts(sent(*(f"SELECT {number}" for number in range(MAX_LINES + 3))))
    assert lines[-1] == "and 3 other statements"
    lines = texts(sent(*(f"SELECT {number}" for number in range(MAX_LINES + 1))))
    assert lines[-1] == "and 1 other statement"


def test_in_full_every_statement_is_shown_as_it_was_sent() -> None:
    statement = "SELECT t.a, t.b, t.c, t.d FROM t WHERE t.a = $1::INTEGER"
    lines = list(build_transcript(sent(*[statement] * 30), in_full=True))
    assert [line.text for line in lines] == [statement] * 30


def test_the_part_that_the_wrong_way_lacks_is_marked() -> None:
    wrong = sent("BEGIN", "SELECT a FROM t LIMIT 1", "ROLLBACK")
    right = sent("BEGIN", "SELECT a FROM t LIMIT 1 FOR UPDATE", "COMMIT")
    (line,) = build_transcript(right, [wrong])
    assert line.new
    assert [line.text[mark.start : mark.stop] for mark in line.marks] == ["FOR UPDATE; COMMIT"]


def test_what_the_wrong_way_sent_too_is_not_marked() -> None:
    wrong = sent("BEGIN", "SELECT 1", "ROLLBACK")
    right = sent("BEGIN", "SELECT 0 FROM t", "SELECT 1", "ROLLBACK")
    assert [line.new for line in build_transcript(right, [wrong])] == [True, False]
    assert not any(line.new for line in build_transcript(sent("ROLLBACK"), [wrong]))


def test_without_a_wrong_way_nothing_is_marked() -> None:
    assert list(build_transcript(sent("SELECT 1"))) == [TranscriptLine("SELECT 1")]
