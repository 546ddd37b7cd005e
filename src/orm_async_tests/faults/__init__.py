"""Inject a fault at every point of a piece of work, and check what the fault leaves behind.

Code that uses a database asynchronously can be interrupted at any `await`, because a task is
cancelled, a timeout expires, the server ends a backend, or the network drops a connection. A test
that injects a fault at a random moment hits another `await` in every run. The sweep injects a fault
at every `await`, one after the other.

The sweep is exact because a fault can only arrive at a fault point. A task runs without
interruption from one suspension to the next. A connection carries one message after another. The
class `suspensions.Suspensions` counts the suspensions of all tasks of the work. The class
`network.Network` counts the messages that the client sends. The sweep first runs the work twice
without a fault, to count the fault points. The sweep then runs the work once for every fault at
every fault point. The number of a fault point identifies it, so that you can run a failure again.

After every fault, the sweep asserts the invariants of a correct recovery. The caller continues in
time after a fault. After a cancel the caller sees `CancelledError`, and after a timeout
`TimeoutError`. When the caller continues after a fault, no connection of the pool is checked out. A
few seconds after a fault, no backend runs a statement or has an open transaction, and no task is
running. After a fault, the work has changed all its rows or none of them. If the work ended without
an error despite the fault, it has changed all its rows. No warning, logged error or exception is
hidden from the caller. After a fault, the next use of the engine works, and `dispose()` closes
every connection.

The sweep does not assert whether the server committed, because a caller that sees an error cannot
know whether it did. If the caller sees an error although everything was committed, the sweep counts
an ambiguous commit, which is no violation. The sweep injects at most two faults in a run, and
injects no fault while other work uses the same engine.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orm_async_tests.faults.report import Report
    from orm_async_tests.faults.sweeping import sweep

__all__ = ["Report", "sweep"]


def __getattr__(name: str) -> Any:
    """Import the package's functions only on access, because the pytest plugin imports this package
    in every run.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orm_async_tests.faults import report, sweeping

    return {"Report": report.Report, "sweep": sweeping.sweep}[name]
