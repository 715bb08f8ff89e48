"""The drawing at the top of errors.py is the tree."""

import re

from libs.common import errors


def drawn() -> set[tuple[str, str]]:
    """Return (parent, child) of each line of the drawing."""
    path: list[str] = []
    pairs = set()
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+)(?: {2,}|$)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4 + ("──" in line)
        path[depth:] = [match[2]]
        if depth:
            pairs.add((path[depth - 1], match[2]))
    return pairs


def real(parent: type[Exception]) -> set[tuple[str, str]]:
    """Return (parent, child) of each class below this one."""
    children = {child for child in parent.__subclasses__() if child.__module__ == errors.__name__}
    return {(parent.__name__, child.__name__) for child in children}.union(*map(real, children))


def test_the_drawing_is_the_tree() -> None:
    assert drawn() == real(errors.FlowhookError)


def test_the_drawing_bears_each_status_and_code() -> None:
    text = errors.__doc__ or ""
    for error in errors.RequestError.__subclasses__():
        if error.__module__ == errors.__name__:
            assert re.search(rf"── {error.__name__} +{error.status} {error.code}$", text, re.MULTILINE), error
