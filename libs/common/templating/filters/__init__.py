"""The filters that templates have, each bounded.

Jinja's `attr`, `format`, `pprint`, `urlize` and `xmlattr` are left out: they reach for attributes, or grow without
bounds, or are for pages.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from libs.common.templating.filters import codecs, data, internal, numbers, regexes, sequences, texts
from libs.common.templating.filters.guard import guarded

PUBLIC: Final[Mapping[str, Callable[..., Any]]] = {
    name: guarded(name, entry)
    for module in (sequences, texts, numbers, data, codecs, regexes)
    for name, entry in module.FILTERS.items()
}
INTERNAL: Final[Mapping[str, Callable[..., Any]]] = internal.FILTERS
