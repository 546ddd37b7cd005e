"""Defines the verdicts of scripts and the severities of defects."""

from typing import Literal, get_args

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
VERDICTS = (*PASSING, *FAILING, NOT_RUN)

Severity = Literal["loses data", "breaks the pool", "wrong result", "wrong error"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first
