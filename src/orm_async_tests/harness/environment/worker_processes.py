"""Processes beside this one, as a service has workers."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Processes:
    """Runs a script's coroutine functions elsewhere."""

    async def run(
        self,
        function: Callable[Given, Awaitable[Result]],
        *arguments: Given.args,
        **named: Given.kwargs,
    ) -> Result:
        """Await a function of a module in a process that has just begun, and has imported it.

        What it returns or raises, with its causes, comes back pickled.
        """
        from concurrent.futures import ProcessPoolExecutor  # here, since few scripts need them
        from multiprocessing import get_context

        context = get_context("forkserver")
        context.set_forkserver_preload([function.__module__])  # once; later ones are imported
        loop = asyncio.get_running_loop()
        result: Result
        with ProcessPoolExecutor(1, context) as executor:
            called = loop.run_in_executor(executor, _called, function, arguments, named)
            result, errors, trace = await called
        for error, cause in pairwise(errors):
            error.__cause__ = cause
        if errors:
            errors[0].add_note(f"In the other process:\n{trace}")
            raise errors[0]
        return result


def _called(
    function: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, list[BaseException], str]:
    """What the function returns, or its error and where that came from: pickle forgets causes."""

    async def called() -> Any:
        return await function(*arguments, **named)

    try:
        return asyncio.run(called()), [], ""
    except Exception as error:
        return None, list(_causes(error)), "".join(traceback.format_exception(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
