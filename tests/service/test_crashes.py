"""If workers or servers are killed under load, every acknowledged write happens exactly once."""

import pytest

from tests.service.crashes import Crash, kill_server, kill_workers, no_crash, run_crash


@pytest.mark.thorough
def test_without_a_crash_no_request_fails(home: object) -> None:
    ledger = run_crash(no_crash, clients=20, seconds=2)
    assert ledger.lost == ledger.statuses[503] == 0


@pytest.mark.thorough  # test_recovery.py kills a server among the default tests
@pytest.mark.parametrize("crash", [kill_workers, kill_server])
def test_a_crash_loses_and_repeats_no_acknowledged_write(home: object, crash: Crash) -> None:
    ledger = run_crash(crash, clients=20)
    assert ledger.lost + ledger.statuses[503] > 0  # clients noticed the crash


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("crash", [no_crash, kill_workers, kill_server])
def test_two_hundred_clients_lose_no_acknowledged_write(home: object, crash: Crash) -> None:
    ledger = run_crash(crash, clients=200, seconds=20)
    assert ledger.points
