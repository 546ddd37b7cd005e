"""Faults at every point of a piece of work: what it must survive, and what it leaves behind."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orm_async_tests.faults.report import Report
    from orm_async_tests.faults.sweeping import sweep

__all__ = ["Report", "sweep"]


def __getattr__(name: str) -> Any:
    """Import what is asked for then: pytest imports this package for its plugin in every run."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orm_async_tests.faults import report, sweeping

    return {"Report": report.Report, "sweep": sweeping.sweep}[name]
