"""Faults at every point of a piece of work: what it must survive, and what it leaves behind."""

from orm_async_tests.faults.report import Report
from orm_async_tests.faults.sweeping import sweep

__all__ = ["Report", "sweep"]
