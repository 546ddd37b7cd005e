"""OAT502: calls that block the event loop inside run_sync()."""

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
VERBS = {"get", "post", "put", "patch", "delete", "head", "options", "request", "send"}
WAITING = {
    "blocking": {"wait", "acquire", "get", "put", "join", "result", "communicate", "exception"},
    "HTTP client": VERBS,
}
LOOP_METHODS = {"run_until_complete"}
DEEPEST = 3


class BlockingInRunSync(Rule):
    """A blocking call in run_sync() stops the event loop: run_sync() uses no thread.

    - SQL inside run_sync() does not block: other tasks run while it waits for the server.
    """

    code = "OAT502"
    scripts = (80, 123)
    message = "This {} blocks the event loop, because run_sync() uses no thread."
    remedy = "Run this function by asyncio.to_thread(), outside run_sync()."
    related_message = "run_sync() runs the function in the event loop's thread"

    def check(self, file: SourceFile) -> Iterator[Finding]:
        done = set[ast.AST]()
        for call, scope in file.calls("run_sync"):
            owner = file.receiver(call, scope)
            if not (owner and owner.is_session and call.args):
                continue
            function = file.project.function(file.project.callee(call.args[0], scope))
            for place, inner in _blocking(file, function, DEEPEST) if function else ():
                is_here = inner.module is file.module
                node = place if is_here else call.args[0]
                if node in done:
                    continue
                done.add(node)
                name = _name(file, place, inner)
                if name.rpartition(".")[2] in ("run", *LOOP_METHODS) and "subprocess" not in name:
                    yield self.report(
                        file,
                        node,
                        related=call,
                        message=f"{name}() raises an error inside run_sync(), where an event loop "
                        "runs.",
                        remedy="Await it outside run_sync(), or call sqlalchemy.util.await_only().",
                    )
                else:
                    yield self.report(file, node, "call" if is_here else "function", related=call)


def _blocking(file: SourceFile, function: Scope, depth: int) -> Iterator[tuple[ast.Call, Scope]]:
    """Yield the calls that block a thread, in a function and in the functions that this function
    calls.
    """
    for call in function.calls if not function.is_async else ():
        if _blocks(file, call, function):
            yield call, function
        elif depth > 1:
            inner = file.project.function(file.project.callee(call.func, function))
            yield from _blocking(file, inner, depth - 1) if inner else ()


def _name(file: SourceFile, call: ast.Call, scope: Scope) -> str:
    return file.external_name(call.func, scope) or ast.unparse(call.func)


def _blocks(file: SourceFile, call: ast.Call, scope: Scope) -> bool:
    name = _name(file, call, scope)
    if name in BLOCKING | RUNNING or name.rpartition(".")[2] in LOOP_METHODS:
        return True
    owner = file.receiver(call, scope)
    return owner is not None and name.rpartition(".")[2] in WAITING.get(owner.name, ())
