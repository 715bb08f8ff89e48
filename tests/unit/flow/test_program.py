"""What a document compiles to."""

import msgspec
import pytest

from libs.common import errors
from libs.common.flow import document, model, program
from libs.common.flow.steps import registry
from libs.common.flow.steps.spec import StepSpec
from tests.unit.flow.documents import COMPANY_LOOKUP, load, of_steps


def compiled(flow: document.FlowDocument) -> program.Program:
    return program.compile_flow(flow, flow_id="f", version=3)


def test_program_of_the_specifications_flow() -> None:
    flow = compiled(document.load(COMPANY_LOOKUP, media="yaml"))

    assert (flow.flow_id, flow.flow_name, flow.version, flow.pure) == ("f", "Company lookup", 3, False)
    assert [(step.path, step.ref, step.type, step.title) for step in flow.steps] == [
        ("steps[0]", "web1", "webhook", ""),
        ("steps[1]", "crm", "http", "Look the company up"),
        ("steps[2]", "big", "if", ""),
    ]
    assert flow.steps[1].on_error == "continue"
    assert [step.path for step in flow.steps[2].branches["else"]] == ["steps[2].else[0]"]
    assert flow.webhook is not None
    assert (flow.webhook.ref, flow.webhook.auth, flow.webhook.is_async) == ("web1", "token", False)


def test_inputs_render_with_the_defaults_of_what_was_not_written() -> None:
    step = compiled(load({"ref": "a", "type": "http", "with": {"url": "https://x/{{ web1.id }}"}})).steps[0]

    assert step.inputs.render({"web1": {"id": 7}}) == {"method": "GET", "url": "https://x/7", "timeout": 30}


def test_neither_response_nor_authorization_of_a_webhook_is_among_its_inputs() -> None:
    given = {"response": {"body": "{{ later.x }}"}, "auth": "none"}

    step = compiled(load({"ref": "a", "type": "webhook", "with": given})).steps[0]

    assert step.inputs.render({}) == {"async": False}


def test_response_of_terminate_is_rendered_with_its_step() -> None:
    given = {"response": {"status": 404, "body": "{{ a }}"}}

    step = compiled(load({"ref": "t", "type": "terminate", "with": given})).steps[0]

    assert step.inputs.render({"a": [1]}) == {
        "status": "success",
        "message": "",
        "response": {"status": 404, "body": [1]},
    }


@pytest.mark.parametrize(
    ("step", "pure"),
    [
        ({"type": "dict"}, True),
        ({"type": "terminate"}, True),
        ({"type": "http", "with": {"url": "https://x"}}, False),
        ({"type": "delay", "with": {"seconds": 1}}, False),
    ],
)
def test_flow_is_pure_where_no_step_acts_or_waits(step: dict[str, object], pure: bool) -> None:
    inner = {"ref": "a", **step}
    around = {"ref": "b", "type": "if", "with": {"a": 1, "op": "exists"}, "else": [inner]}

    assert compiled(load(inner)).pure is pure
    assert compiled(load(around)).pure is pure


def test_flow_without_webhook_has_none() -> None:
    assert compiled(load({"ref": "a", "type": "dict"})).webhook is None


def test_program_is_compiled_once_for_each_version() -> None:
    source = of_steps({"ref": "a", "type": "dict"})

    first = program.program_of(source, flow_id="once", flow_name="n", version=1)
    again = program.program_of(bytes(bytearray(source)), flow_id="once", flow_name="n", version=1)
    other = program.program_of(source, flow_id="once", flow_name="n", version=2)

    assert again is first
    assert other is not first
    assert first.flow_name == "n"


def test_saved_document_that_is_none_is_an_error_each_time() -> None:
    for _ in range(2):
        with pytest.raises(errors.InvalidFlow):
            program.program_of(b"{}", flow_id="broken", flow_name="n", version=1)


def test_kind_from_outside_is_read_and_compiled_like_ours() -> None:
    class ShoutWith(model.Strict):
        text: model.Text
        times: int = 2

    kinds = registry.Registry(StepSpec("shout", ShoutWith, branches=("then",), effect="outside"))
    source = msgspec.json.encode(
        {
            "name": "x",
            "steps": [
                {"ref": "s", "type": "shout", "with": {"text": "{{ a }}"}, "then": [{"ref": "t", "type": "shout"}]}
            ],
        }
    )

    with pytest.raises(errors.InvalidFlow) as raised:
        document.load(source, media="json", steps=kinds)
    flow = document.load(source.replace(b',"then":[{"ref":"t","type":"shout"}]', b""), media="json", steps=kinds)
    built = program.compile_flow(flow, flow_id="f", version=1, steps=kinds)

    assert str(raised.value) == "steps[0].then[0].with.text: is missing"
    assert built.steps[0].inputs.render({"a": "hey"}) == {"text": "hey", "times": 2}
    assert built.pure is False


def test_name_of_a_kind_is_taken_once() -> None:
    kinds = registry.Registry()
    kinds.add(StepSpec("a", model.Strict))

    with pytest.raises(ValueError, match="taken"):
        kinds.add(StepSpec("a", model.Strict))
