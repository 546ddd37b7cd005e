"""How a fault comes at a suspension, and the second one of a pair while the first is cleaned up."""

import asyncio
import time
from typing import Any

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.labels import label
from orm_async_tests.faults.outcome import Outcome
from orm_async_tests.faults.server import Server
from orm_async_tests.faults.suspensions import Suspensions

LIMITS = ("timeout", "scope")  # faults that are the end of the caller's time


class Scope:
    """anyio.fail_after() in the form of asyncio.timeout(); CouldNotRun without AnyIO."""

    def __init__(self) -> None:
        try:
            from anyio import fail_after
        except ImportError:
            what = "AnyIO is not installed, whose scope should expire"
            raise CouldNotRun(what, "the fault `scope`", "pip install anyio") from None
        self._limited = fail_after(None)

    async def __aenter__(self) -> None:
        self._scope = self._limited.__enter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return self._limited.__exit__(*error)

    def reschedule(self, when: float) -> None:
        """Expire at this time of the loop."""
        self._scope.deadline = when

    def expired(self) -> bool:
        """Whether it has."""
        return self._scope.cancel_called


class Delivery:
    """Delivers what an outcome's point says, and notes there where the work stood."""

    def __init__(self, outcome: Outcome, server: Server) -> None:
        self.limit = Scope() if outcome.point.fault.kind == "scope" else asyncio.timeout(None)
        self.since = time.perf_counter()  # the first fault; until it comes, the beginning
        self._outcome = outcome
        self._fault = outcome.point.fault
        self._server = server

    def first(self, reached: Suspensions) -> None:
        """Deliver the fault, or the first one of a pair."""
        self.since = time.perf_counter()
        where = label(*reached.where)
        delivered = self._deliver(self._fault.first, reached)
        if then := self._outcome.point.then:
            reached.act_later(then, lambda later: self._second(later, where))
        else:
            self._outcome.label, self._outcome.delivered = where, delivered

    def _second(self, reached: Suspensions, first: str) -> None:
        self._outcome.label = f"{first}, then {label(*reached.where)}"
        self._outcome.delivered = self._deliver(self._fault.second, reached)

    def _deliver(self, kind: str, reached: Suspensions) -> bool:
        """Do it; whether there was anything left for it to be done to."""
        match kind:
            case "cancel":
                return reached.main.cancel()
            case "shutdown":
                cancelled = [task.cancel() for task in reached.tasks]
                return cancelled[0]
            case "timeout" | "scope" if not reached.main.done():
                self.limit.reschedule(asyncio.get_running_loop().time())
                return True
            case "terminate" if not reached.main.done():
                return self._server.terminate() > 0
            case "kill" if not reached.main.done():
                self._server.kill()
                return True
        return False
