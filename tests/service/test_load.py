"""Two hundred clients at a time for 20 s: no error but 503, and nothing acknowledged is lost."""

import pytest

from tests.service.crashes import (
    Crash,
    nothing_happens,
    nothing_is_lost,
    the_database_is_killed,
    workers_are_killed,
)


@pytest.mark.thorough
@pytest.mark.timeout(180)
@pytest.mark.parametrize("crash", [nothing_happens, workers_are_killed, the_database_is_killed])
def test_two_hundred_clients_lose_nothing(home: object, crash: Crash) -> None:
    ledger = nothing_is_lost(crash, clients=200, seconds=20)
    assert ledger.points
    print(f"{ledger.lost} requests were not answered")
