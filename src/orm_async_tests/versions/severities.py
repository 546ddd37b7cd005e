"""How bad a defect is."""

from typing import Literal, get_args

Severity = Literal["loses data", "breaks the pool", "wrong result", "wrong error"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first
