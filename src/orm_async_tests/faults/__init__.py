"""Injects a fault at every fault point of a function that uses a database, and checks the effects.

Asynchronous code can be interrupted at any `await`: a task is cancelled, a timeout expires, the
server ends a connection, or the network fails. A fault can arrive only when a task is suspended, or
when a connection carries a message. The moments at which a fault can arrive are called fault
points.

A sweep first calls the function twice without a fault, and counts the fault points. The sweep
calls the function once more for every fault at every fault point. The page docs/faults.md describes
all faults, and the violations that a sweep can report.
"""

from orm_async_tests.faults.report import Report
from orm_async_tests.faults.sweeping import sweep

__all__ = ["Report", "sweep"]
