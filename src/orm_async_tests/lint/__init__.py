"""The checker: finds misuse of async SQLAlchemy in source code, without running it.

`checker.check` runs the rules of `rules` over files. All modules of the checker import only the
standard library, so that the checker works without SQLAlchemy.
"""
