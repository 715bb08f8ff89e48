"""`dict`: values under names of one's own."""

from typing import Final

from pydantic import ConfigDict

from libs.common.flow import model
from libs.common.flow.steps.spec import StepSpec


class DictWith(model.Strict):
    """Any keys with any values."""

    model_config = ConfigDict(extra="allow")


SPEC: Final = StepSpec("dict", DictWith)
