import msgspec
import pytest

from services.debugger import cutting


def test_what_is_short_enough_stays_byte_for_byte() -> None:
    data = b'{"a" :  1e2, "b": "\\u0000"}'

    assert cutting.cut_json(data, 100) is data


def test_a_text_keeps_its_beginning_and_says_how_long_it_was() -> None:
    assert cutting.cut_text("ä" * 100, 51) == "ä" * 25 + "… (cut, 200 bytes)"


def test_a_json_text_is_cut_as_a_text() -> None:
    data = msgspec.json.encode("x" * 1000)

    assert msgspec.json.decode(cutting.cut_json(data, 100)) == "x" * 100 + "… (cut, 1000 bytes)"


def test_the_largest_parts_of_an_object_give_way_and_the_others_stay() -> None:
    data = msgspec.json.encode({"status": 200, "body": "x" * 1000, "headers": {"a": "b"}})

    value = msgspec.json.decode(cutting.cut_json(data, 400))

    assert value == {"status": 200, "body": "x" * 100 + "… (cut, 1000 bytes)", "headers": {"a": "b"}}


def test_a_part_that_is_no_text_becomes_a_mark_with_its_beginning() -> None:
    data = msgspec.json.encode({"status": 200, "body": list(range(1000))})

    value = msgspec.json.decode(cutting.cut_json(data, 400))

    assert value["status"] == 200
    assert value["body"]["$cut"]["bytes"] == len(msgspec.json.encode(list(range(1000))))
    assert value["body"]["$cut"]["start"].startswith("[0,1,2,")


@pytest.mark.parametrize("value", [list(range(1000)), {str(n): n for n in range(1000)}])
def test_what_cannot_keep_its_shape_becomes_a_mark(value: object) -> None:
    data = msgspec.json.encode(value)

    cut = cutting.cut_json(data, 400)

    assert len(cut) <= 500
    assert msgspec.json.decode(cut)["$cut"]["bytes"] == len(data)


def test_a_cut_in_the_middle_of_a_character_leaves_valid_text() -> None:
    data = msgspec.json.encode(["ä" * 1000])

    cut = cutting.cut_json(data, 101)

    assert msgspec.json.decode(cut)["$cut"]["start"].endswith("ä")
