"""The checker: finds misuse of async SQLAlchemy in source code, without running it.

`checker.check` runs the rules of `rules` over files. The modules here import only the standard
library, so that the checker works without SQLAlchemy.
"""
