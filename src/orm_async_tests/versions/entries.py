"""An `Upstream(...)` as it is written in a script."""

import json
from collections.abc import Mapping


def upstream(what: str, versions: Mapping[str, str], link: str) -> str:
    """The lines of the entry."""
    lines = (f"    {json.dumps(each)}," for each in (what, dict(versions), link))
    return "\n".join(["Upstream(", *lines, ")"])
