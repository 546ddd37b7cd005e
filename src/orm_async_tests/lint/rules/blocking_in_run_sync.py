"""The rule OAT502: calls that block the event loop inside run_sync()."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.scopes import Scope
from orm_async_tests.lint.source_file import SourceFile

RUNNING = {"asyncio.run", "anyio.run", "asyncio.run_until_complete", "trio.run"}
BLOCKING = {
    "time.sleep", "urllib.request.urlopen", "os.system", "subprocess.run", "subprocess.call",
    "subprocess.check_call", "subprocess.check_output",
    "input", "socket.create_connection", "socket.gethostbyname", "socket.getaddrinfo",
    "urllib3.request", "psycopg.connect", "psycopg2.connect", "smtplib.SMTP", "smtplib.SMTP_SSL",
    "signal.pause", "select.select", "os.wait", "os.waitpid",
    *(f"{library}.{verb}" for library in ("requests", "httpx")
      for verb in ("get", "post", "put", "patch", "delete", "head", "request")),
}  # fmt: skip
WAITING = {  # the methods that block, by the kind of their object
    "blocking": {"wait", "acquire", "get", "put", "join", "result", "communicate", "exception"},
    "HTTP client": {"get", "post", "put", "patch", "delete", "head", "options", "request", "send"},
}
NESTED = "{}() raises an error inside run_sync(), because an event loop already runs."
AWAIT = "Await it outside of run_sync(), or call sqlalchemy.util.await_only()."
MAX_DEPTH = 3  # nested calls of functions


class BlockingInRunSync(Rule):
    """A blocking call in run_sync() blocks the event loop, because run_sync() starts no thread.

    SQL inside run_sync() does not block the event loop. Other tasks run while the code waits for
    the server.
    """

    code = "OAT502"
    scripts = (80, 123)
    message = "This {} blocks the event loop, because run_sync() starts no thread."
    remedy = "Call this function with asyncio.to_thread(), outside of run_sync()."
    related_message = "run_sync() runs the function in the event loop's thread"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        done = set[ast.AST]()
        for call, scope in file.calls("run_sync"):
            owner = file.receiver(call, scope)
            if not (owner and owner.is_session and call.args):
                continue
            functions = [file.project.function(file.project.callee(*source))
                         for source in file.project.candidates(call.args[0], scope)]  # fmt: skip
            blocking = (item for one in functions for item in _blocking(file, one, MAX_DEPTH))
            for place, name, inner in blocking:
                is_here = inner.module is file.module
                node = place if is_here else call.args[0]
                is_running = name in RUNNING or name.endswith("run_until_complete")
                if node not in done and is_running:
                    yield self.report(file, node, name, related=call, message=NESTED, remedy=AWAIT)
                elif node not in done:
                    yield self.report(file, node, "call" if is_here else "function", related=call)
                done.add(node)


def _blocking(
    file: SourceFile, function: Scope | None, depth: int
) -> Iterator[tuple[ast.Call, str, Scope]]:
    """Yield the blocking calls in a function and in the functions that it calls."""
    if function is None or function.is_async or depth == 0:
        return
    for call in function.calls:
        name = file.external_name(call.func, function) or ast.unparse(call.func)
        owner = file.receiver(call, function)
        methods = WAITING.get(owner.name, set()) if owner else set()
        last = name.rpartition(".")[2]
        if name in BLOCKING | RUNNING or last == "run_until_complete" or last in methods:
            yield call, name, function
        else:
            inner = file.project.function(file.project.callee(call.func, function))
            yield from _blocking(file, inner, depth - 1)
