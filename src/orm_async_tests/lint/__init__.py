"""Finds misuse of async SQLAlchemy in source code without running the code.

The function `project_check.check` runs the rules of the package `rules` on files. All modules of
the checker import only the standard library, so that the checker works without SQLAlchemy.
"""
