"""Tests a function against cancellations, lost connections and other faults.

A sweep calls the function many times, each time with a fault at another fault point. A fault point
is a moment at which a task is suspended, or at which a connection carries a message.

The page docs/faults.md describes all faults and violations.
"""

from orm_async_tests.faults.report import Report
from orm_async_tests.faults.sweeping import sweep

__all__ = ["Report", "sweep"]
