"""Runs coroutine functions of variants in other processes."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar

from orm_async_tests import urls

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Processes:
    """Runs coroutine functions in other processes."""

    async def run(
        self,
        function: Callable[Parameters, Awaitable[Result]],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Await the function in a new process, and return its result or raise its error.

        The result and the error must be picklable.
        """
        from concurrent.futures import ProcessPoolExecutor  # a slow import
        from multiprocessing import get_context

        context = get_context("forkserver")
        # The server process of `forkserver` imports the first module only once for all calls.
        context.set_forkserver_preload([function.__module__])
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
    """Return the result, the error with its causes, and the traceback."""

    async def main() -> Any:
        return await function(*arguments, **named)

    urls.convert_timeouts()  # as the parent process did
    try:
        return asyncio.run(main()), [], ""
    except Exception as error:
        # Pickle would drop the causes and the traceback of the error.
        errors: list[BaseException] = [error]
        while cause := errors[-1].__cause__:
            errors.append(cause)
        return None, errors, "".join(traceback.format_exception(error))
