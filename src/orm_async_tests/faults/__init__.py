"""Injects a fault at every point of a function that uses a database, and checks what the fault
leaves behind.

Asynchronous code can be interrupted at any `await`: a task is cancelled, a timeout expires, the
server ends a connection, or the network fails. A test that injects a fault at a random moment hits
a different `await` in every run. The sweep injects a fault at every `await`, one after the other.

No moment is missed, because a fault can only arrive at a fault point. A task runs without
interruption from one suspension to the next. A connection carries one message after another. The
class `suspensions.Suspensions` counts how often the tasks are suspended. The class
`network.Network` counts the messages that the client sends. The sweep first calls the function
twice without a fault, to count the fault points. After that, the sweep calls the function once for
every fault at every fault point. Each fault point has a number, so that you can run a failure
again.

After every fault, the sweep checks the following rules. The caller continues in time after a fault.
After a cancel the caller sees `CancelledError`, and after a timeout `TimeoutError`. When the caller
continues, no connection is checked out from the pool. A few seconds after a fault, no server
process runs a statement or has an open transaction, and no task is running. After a fault, the
function has changed all its rows or none of them. If the function ends without an error despite the
fault, it has changed all its rows. The caller sees every warning, every logged error and every
exception. After a fault, the next use of the engine works, and `dispose()` closes every connection.

The sweep allows both a commit and a rollback after an error, because the caller cannot know which
one happened. If the caller sees an error although everything was committed, the sweep reports
AMBIGUOUS instead of a failure. The sweep injects at most two faults in a run. The sweep injects no
fault while other code uses the same engine.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orm_async_tests.faults.report import Report
    from orm_async_tests.faults.sweeping import sweep

__all__ = ["Report", "sweep"]


def __getattr__(name: str) -> Any:
    """Import the package's functions only when they are used, because the pytest plugin imports
    this package in every run.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orm_async_tests.faults import report, sweeping

    return {"Report": report.Report, "sweep": sweeping.sweep}[name]
