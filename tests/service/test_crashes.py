"""Workers and databases are killed under load: nothing acknowledged is lost, or done twice."""

import pytest

from tests.service.crashes import (
    Crash,
    nothing_happens,
    nothing_is_lost,
    the_database_is_killed,
    workers_are_killed,
)


def test_nothing_is_lost_while_nothing_happens(home: object) -> None:
    ledger = nothing_is_lost(nothing_happens, clients=20, seconds=2)
    assert ledger.lost == ledger.statuses[503] == 0


@pytest.mark.parametrize("crash", [workers_are_killed, the_database_is_killed])
def test_nothing_is_lost_or_done_twice_in_a_crash(home: object, crash: Crash) -> None:
    ledger = nothing_is_lost(crash, clients=20, seconds=4)
    assert ledger.lost + ledger.statuses[503] > 0  # the crash was felt
