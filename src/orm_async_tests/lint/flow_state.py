"""Stores what is known about the sessions of a function at one point of its code."""

import ast
from dataclasses import dataclass, field, replace

DATABASE, TIMEOUT = "database error", "timeout"


@dataclass(frozen=True)
class Failure:
    """An error that left a session in a failed transaction."""

    node: ast.AST
    """What failed, for example a call of execute()."""

    kind: str
    facts: tuple[tuple[str, bool], ...] = ()
    """Which names are true or false if it has failed: the handler has set them."""


def is_held(key: str) -> bool:
    """Return whether the function reaches a session only through an object, for example as
    "users.session".
    """
    return "." in key.removeprefix("self.")


@dataclass
class State:
    """The sessions of a function that have failed or have begun a transaction, by their keys."""

    failures: dict[str, frozenset[Failure]] = field(default_factory=dict)
    begun: dict[str, ast.AST] = field(default_factory=dict)
    facts: dict[str, bool] = field(default_factory=dict)
    """Names that hold a constant, and whether it is true."""

    def copy(self) -> "State":
        """Return a copy of the state that can be changed without changing the original."""
        return State(dict(self.failures), dict(self.begun), dict(self.facts))

    def fail(self, key: str, failure: Failure) -> None:
        """Record that an error left a session in a failed transaction."""
        self.failures[key] = self.failures.get(key, frozenset()) | {failure}

    def clear(self, key: str) -> None:
        """Forget a session, because it was rolled back, closed or replaced.

        Forget the sessions that objects hold too, because an object may hold the same session.
        """
        for store in (self.failures, self.begun):
            for name in [name for name in store if name == key or is_held(name)]:
                del store[name]

    def note_facts(self, failures: set[Failure]) -> None:
        """Add the facts that hold at the end of a handler to the failures that the handler
        caught.
        """
        facts = tuple(sorted(self.facts.items()))
        self.failures = {
            key: frozenset(replace(one, facts=facts) if one in failures else one for one in group)
            for key, group in self.failures.items()
        }

    def assume(self, name: str, truth: bool) -> None:
        """Remove the failures that are impossible if the name has this truth value."""
        self.failures = {
            key: rest
            for key, group in self.failures.items()
            if (
                rest := frozenset(one for one in group if dict(one.facts).get(name, truth) == truth)
            )
        }


@dataclass(frozen=True)
class Raised:
    """An exception that a statement inside a `try` may raise."""

    key: str
    node: ast.AST
    kinds: frozenset[str]
    """DATABASE, TIMEOUT, or the name of another exception class."""

    state: State


@dataclass(frozen=True)
class Swallowed:
    """An error that a handler swallowed, together with the next use of its session."""

    kind: str
    node: ast.AST
    use: ast.AST


def join(*states: State | None) -> State | None:
    """Return what is known about the sessions at a point where several paths meet. None stands for
    a path that ends before the meeting point.
    """
    known = [state for state in states if state is not None]
    if not known:
        return None
    result = known[0].copy()
    for state in known[1:]:
        for key, group in state.failures.items():
            result.failures[key] = result.failures.get(key, frozenset()) | group
        result.begun = {key: node for key, node in result.begun.items() if key in state.begun}
        result.facts = {
            name: truth for name, truth in result.facts.items() if state.facts.get(name) == truth
        }
    return result
