"""`http`: one request to another server."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from libs.common.flow import model
from libs.common.flow.steps.spec import StepSpec
from libs.common.templating import source

LONGEST_S: Final = 300
_URL: Final = re.compile(r"(?i)https?://[^\s/?#]+")


def _url(value: str) -> str:
    if not source.is_template(value) and not _URL.match(value):
        raise ValueError("must begin with http:// or https:// and a host")
    return value


class HttpWith(model.Strict):
    """The request; `json` is its body, `timeout` is in seconds."""

    method: Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"], model.OrTemplate] = "GET"
    url: Annotated[str, AfterValidator(_url)]
    json_body: Annotated[Any, Field(alias="json")] = None
    timeout: Annotated[float, Field(gt=0, le=LONGEST_S), model.OrTemplate] = 30


SPEC: Final = StepSpec("http", HttpWith, effect="outside")
