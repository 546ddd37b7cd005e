"""Deliver a fault at a suspension, and a pair's second fault during the clean-up."""

import asyncio
import time
from typing import Any

from orm_async_tests.errors import CouldNotRun, install_extra
from orm_async_tests.faults.fault_points import Point
from orm_async_tests.faults.server_monitor import ServerMonitor
from orm_async_tests.faults.suspensions import Suspensions, describe_suspension

LIMITS = ("timeout", "scope")  # faults that limit the time of the caller


class AnyioScope:
    """anyio.fail_after() with the interface of asyncio.timeout(). Raises CouldNotRun."""

    def __init__(self) -> None:
        try:
            from anyio import fail_after
        except ImportError:
            problem = "AnyIO is not installed, but its scope should expire"
            raise CouldNotRun(problem, "the fault `scope`", install_extra("anyio")) from None
        self._manager = fail_after(None)

    async def __aenter__(self) -> None:
        self._scope = self._manager.__enter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return self._manager.__exit__(*error)

    def reschedule(self, when: float) -> None:
        """Expire when the event loop's clock reaches this time, in seconds."""
        self._scope.deadline = when

    def expired(self) -> bool:
        """Return whether the timeout fired."""
        return self._scope.cancel_called


class Delivery:
    """Delivers the fault of a point, and records where the work was suspended."""

    def __init__(self, point: Point, monitor: ServerMonitor) -> None:
        self.limit = AnyioScope() if point.fault.kind == "scope" else asyncio.timeout(None)
        self.label = ""
        self.delivered = False
        self.first_at = time.perf_counter()  # of the first fault; before it, of the start
        self._point = point
        self._monitor = monitor

    def deliver_first(self, suspensions: Suspensions) -> None:
        """Deliver the fault, or the first one of a pair."""
        self.first_at = time.perf_counter()
        label = describe_suspension(*suspensions.suspended)
        delivered = self._deliver(self._point.fault.first_kind, suspensions)
        if self._point.then:
            suspensions.act_later(
                self._point.then, lambda later: self._deliver_second(later, label)
            )
        else:
            self.label, self.delivered = label, delivered

    def _deliver_second(self, suspensions: Suspensions, first_label: str) -> None:
        self.label = f"{first_label}, then {describe_suspension(*suspensions.suspended)}"
        self.delivered = self._deliver(self._point.fault.second_kind, suspensions)

    def _deliver(self, kind: str, suspensions: Suspensions) -> bool:
        """Deliver a fault; return False if the task had already finished."""
        match kind:
            case "cancel":
                return suspensions.main.cancel()
            case "shutdown":
                results = [task.cancel() for task in suspensions.tasks]
                return results[0]
            case "timeout" | "scope" if not suspensions.main.done():
                self.limit.reschedule(asyncio.get_running_loop().time())
                return True
            case "terminate" if not suspensions.main.done():
                return self._monitor.terminate_backends() > 0
            case "kill" if not suspensions.main.done():
                self._monitor.kill()
                return True
        return False
