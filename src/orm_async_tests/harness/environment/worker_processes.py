"""Worker processes beside this one, like those of a service."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar

from orm_async_tests import db

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Processes:
    """Run coroutine functions of a script in other processes."""

    async def run(
        self,
        function: Callable[Parameters, Awaitable[Result]],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Await a module-level function in a new process that has imported its module.

        Return the function's result, or raise its error with all causes; both come back pickled.
        """
        from concurrent.futures import ProcessPoolExecutor  # here, because few scripts need them
        from multiprocessing import get_context

        context = get_context("forkserver")
        context.set_forkserver_preload(
            [function.__module__]
        )  # once per run; later modules are imported
        loop = asyncio.get_running_loop()
        result: Result
        with ProcessPoolExecutor(1, context) as executor:
            call = loop.run_in_executor(executor, _call, function, arguments, named)
            result, errors, trace = await call
        for error, cause in pairwise(errors):
            error.__cause__ = cause
        if errors:
            errors[0].add_note(f"In the other process:\n{trace}")
            raise errors[0]
        return result


def _call(
    function: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, list[BaseException], str]:
    """Return the function's result, or its error with causes and traceback, which pickle drops."""

    async def main() -> Any:
        return await function(*arguments, **named)

    db.convert_timeouts()  # the URL was translated in the parent process
    try:
        return asyncio.run(main()), [], ""
    except Exception as error:
        return None, list(_causes(error)), "".join(traceback.format_exception(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
