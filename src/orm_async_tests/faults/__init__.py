"""Inject a fault at every point of a piece of work, and check what it leaves behind.

Code that uses a database asynchronously can be interrupted at any `await`: a task is cancelled, a
timeout expires, the server ends a backend, the network drops a connection. A test that injects a
fault at a random moment hits one `await`, and another `await` in the next run. The sweep hits every
`await`, in order.

The method is exact because a fault can only arrive at certain points. A task runs without
interruption from one suspension to the next, and a connection carries one message after another.
Every coroutine of the work runs inside `suspensions.Suspensions`, which counts its suspensions in
all tasks that exist during the run. Every connection runs through `network.Network`, which counts
the messages that the client sends. The work runs twice without a fault to count these points, and
then once for every fault at every point. The number of a point identifies it, so that a failure can
be run again.

After every fault the sweep asserts that:

* The caller is released in time. After a cancel the caller sees `CancelledError`, and after a
timeout `TimeoutError`. * When the caller goes on, the pool has no connection checked out. * A few
seconds later no backend is active or in a transaction, and no task is running. * The work has
changed all its rows or none. If the work ended normally, it has changed all rows. * No warning,
logged error or exception was hidden from the caller. * The next use of the engine works, and
`dispose()` closes every connection.

The sweep does not assert which side of a commit a fault falls on: a caller that sees an error
cannot know whether the server committed. A point at which the caller sees an error although
everything was committed counts as an ambiguous commit, and is no violation. The sweep also injects
no fault while other work runs on the same engine, and at most two faults at once.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orm_async_tests.faults.report import Report
    from orm_async_tests.faults.sweeping import sweep

__all__ = ["Report", "sweep"]


def __getattr__(name: str) -> Any:
    """Import late, because the pytest plugin imports this package in every run."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orm_async_tests.faults import report, sweeping

    return {"Report": report.Report, "sweep": sweeping.sweep}[name]
