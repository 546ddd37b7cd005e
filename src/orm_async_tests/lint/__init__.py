"""Finds misuse of async SQLAlchemy in source code without running the code.

The function `project_check.check()` runs the rules on files. The checker imports only the standard
library, so it works without SQLAlchemy.
"""
