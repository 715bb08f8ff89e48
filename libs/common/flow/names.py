"""What a step may be called: names that its templates do not need for something else."""

import keyword
import re
from typing import Final

PATTERN: Final = re.compile(r"[a-z][a-z0-9_]*")
LONGEST: Final = 64

_GIVEN: Final = "request flow run env now parent item index"
_WILDCARDS: Final = "datetime date date_de date_us time unix_timestamp " + " ".join(
    f"date_{style}_{days}" for style in ("utc", "de", "us") for days in (7, 30, 180)
)
_ERROR_FLOW: Final = (
    "error_flow_id error_flow_name error_flow_url error_flow_run_id error_debugging_url error_step_ref error_message"
)
_JINJA: Final = (
    "loop range dict lipsum cycler joiner namespace self super caller varargs kwargs context environment "
    "true false none autoescape block call do elif else endblock endcall endfilter endfor endif endmacro endraw endset "
    "endwith extends filter for from if import in include is macro not and or raw recursive scoped set with without"
)
RESERVED: Final = frozenset(
    f"{_GIVEN} {_WILDCARDS} {_ERROR_FLOW} {_JINJA}".split() + [word for word in keyword.kwlist if word.islower()]
)


def fault_of(ref: str) -> str | None:
    """Return why a step cannot be called this, or None."""
    if not PATTERN.fullmatch(ref):
        return "must begin with a lower-case letter and go on with lower-case letters, digits and underscores"
    if len(ref) > LONGEST:
        return f"must have at most {LONGEST} characters"
    if ref in RESERVED:
        return f"`{ref}` is reserved: templates know something else by this name"
    return None
