import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.formats import nesting


def _depth(value: object) -> int:
    match value:
        case list():
            return 1 + max(map(_depth, value), default=0)
        case dict():
            return 1 + max(map(_depth, value.values()), default=0)
    return 0


_TEXTS = st.text(st.sampled_from('[]{}"\\a'), max_size=6)
_JSON = st.recursive(
    st.none() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(_JSON, st.integers(0, 6))
def test_the_depth_of_json_is_told_without_parsing_it(value: object, levels: int) -> None:
    text = msgspec.json.encode(value)

    assert nesting.is_deeper(text, levels) == (_depth(value) > levels)
