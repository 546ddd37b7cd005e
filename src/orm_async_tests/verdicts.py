"""The words for the verdict on a script, and for a run that gave no verdict."""

from typing import Literal

Word = Literal["HOLDS", "UPSTREAM", "BROKEN", "SKIPPED"]

HOLDS: Word = "HOLDS"  # every assertion of the claim was true
UPSTREAM: Word = "UPSTREAM"  # a known defect of a library applies
BROKEN: Word = "BROKEN"  # an assertion failed
SKIPPED: Word = "SKIPPED"  # a requirement is missing

TIMEOUT = "TIMEOUT"  # the run took too long and was killed
CRASH = "CRASH"  # the process of the run died
NOT_RUN = "NOT RUN"  # the run could not start

PASSING = (HOLDS, UPSTREAM, SKIPPED)
FAILING = (BROKEN, TIMEOUT, CRASH)
EVERY_WORD = (*PASSING, *FAILING, NOT_RUN)
