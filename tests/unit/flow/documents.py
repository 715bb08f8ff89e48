"""Flow documents for tests: a valid one, and ways to change it."""

from typing import Any

import msgspec

from libs.common import errors
from libs.common.flow import document

COMPANY_LOOKUP = """\
id: 0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111   # optional in a file
name: Company lookup
status: active
settings: {retries: true, log_steps: true, retention_days: 30, error_flow: null, max_duration: 900}
steps:
  - ref: web1
    type: webhook
    with:
      auth: token
      async: false
      response: {status: 200, body: '{"score": {{ score.value }}}'}
  - ref: crm
    type: http
    title: Look the company up
    with: {method: GET, url: "https://crm.example.com/companies/{{ web1.company_id }}", timeout: 10}
    on_error: continue
  - ref: big
    type: if
    with: {a: "{{ crm.body.employees }}", op: greater, b: 100}
    then:
      - {ref: score, type: dict, with: {value: 10}}
    else:
      - {ref: score, type: dict, with: {value: 1}}
"""


def of_steps(*steps: Any, **head: Any) -> bytes:
    """Return a document with these steps, as JSON."""
    return msgspec.json.encode({"name": "A flow", "steps": list(steps), **head})


def load(*steps: Any, **head: Any) -> document.FlowDocument:
    """Return the document of these steps."""
    return document.load(of_steps(*steps, **head), media="json")


def faults_of(*steps: Any, **head: Any) -> dict[str, str]:
    """Return what is wrong with a document of these steps, by path."""
    return faults(of_steps(*steps, **head), media="json")


def faults(source: str | bytes, media: Any = "yaml") -> dict[str, str]:
    """Return what is wrong with a source, by path; nothing if it is valid."""
    try:
        document.load(source, media=media)
    except errors.InvalidFlow as invalid:
        return {fault.path: fault.message for fault in invalid.faults}
    return {}
