"""Records -> rows: every shape the vendors write, and a reason for everything that cannot be used."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.domain.errors import InputError
from steelyard.domain.row import Message, Row, RowProblem, Turn
from steelyard.flow.rows.identity import content_id
from steelyard.flow.rows.read import read_rows
from steelyard.flow.rows.records import RawRecord

quick = settings(max_examples=60, deadline=None)


def read(*values, kind="general", mapping=None):
    records = [
        value if isinstance(value, RowProblem) else RawRecord(line, value) for line, value in enumerate(values, 1)
    ]
    return list(read_rows(records, file="f", kind=kind, mapping=mapping))


def one(value, kind="general", mapping=None):
    (row,) = read(value, kind=kind, mapping=mapping)
    assert isinstance(row, Row), row
    return row


def problem(value, kind="general"):
    (found,) = read(value, kind=kind)
    assert isinstance(found, RowProblem), found
    assert (found.file, found.line) == ("f", 1)
    return f"{found.column}: {found.reason}"


def turn(value, kind="general"):
    (found,) = one(value, kind).turns
    return found


# --- Names


@pytest.mark.parametrize(
    "name", ["input", "prompt", "query", "question", "input_prompt", "Prompt问题", "Prompt", " Question "]
)
@pytest.mark.parametrize(
    "reference",
    [
        "reference",
        "response",
        "answer",
        "target",
        "reference_response",
        "reference_answer",
        "expected_output",
        "completion",
        "预期回答",
    ],
)
def test_general_rows_by_any_of_their_names(name, reference):
    row = one({name: "q", reference: "a", "level": 3})
    assert row.turns == (Turn(input="q", references=("a",)),)
    assert row.columns == {"level": 3}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"prediction": "p", "reference": "r"}, Turn("", ("r",), "p")),
        ({"prompt": "q", "prediction": "p", "reference": "r"}, Turn("q", ("r",), "p")),
        ({"prompt": "q", "response": "p", "reference_response": "r"}, Turn("q", ("r",), "p")),
        ({"input": "q", "answer": "p", "reference": "r"}, Turn("q", ("r",), "p")),
        ({"input_prompt": "q", "llm_output": "p", "expected_output": "r"}, Turn("q", ("r",), "p")),
        ({"prompt": "q", "answer": "r", "response": "p"}, Turn("q", ("r",), "p")),
        ({"query": "q", "output": "p", "target": "r"}, Turn("q", ("r",), "p")),
        ({"prompt": "q", "model_answer": "p", "answer": "r"}, Turn("q", ("r",), "p")),
        ({"Prompt问题": "q", "模型结果": "p", "预期回答": "r"}, Turn("q", ("r",), "p")),
        ({"prompt": "q", "completion": "p"}, Turn("q", (), "p")),
        ({"prompt": "q", "reference": "r"}, Turn("q", ("r",), None)),
        ({"prompt": "q", "prediction": None, "reference": "r"}, Turn("q", ("r",), None)),
        ({"prompt": "q", "prediction": ""}, Turn("q", (), "")),
        ({"prompt": "q", "prediction": [["p"]]}, Turn("q", (), "p")),
        ({"prompt": "q", "prediction": 3}, Turn("q", (), "3")),
    ],
)
def test_result_set_rows_by_any_of_their_names(value, expected):
    assert turn(value, "result_set") == expected


def test_a_model_output_beside_the_reference_is_a_plain_column_in_general_rows():
    row = one({"prompt": "q", "answer": "r", "response": "model said", "score": 1})
    assert (row.turns[0].references, row.columns) == (("r",), {"response": "model said", "score": 1})


def test_a_row_without_prediction_never_has_its_reference_read_as_one():
    rows = read({"prompt": "1", "answer": "r", "response": "p"}, {"prompt": "2", "answer": "r"}, kind="result_set")
    assert [row.turns[0] for row in rows] == [Turn("1", ("r",), "p"), Turn("2", ("r",), None)]


def test_a_column_read_otherwise_before_is_a_problem_with_the_way_out():
    first, bad = read(
        {"prompt": "1", "answer": "r"}, {"prompt": "2", "answer": "r", "response": "p"}, kind="result_set"
    )
    assert isinstance(first, Row)
    assert (bad.line, "mapping" in bad.reason) == (2, True)
    rows = read({"prompt": "1", "response": "m"}, {"prompt": "2", "answer": "r", "response": "m"})
    assert isinstance(rows[1], RowProblem)


def test_a_missing_reference_does_not_make_the_model_output_one():
    rows = read({"prompt": "1", "answer": "r", "response": "m"}, {"prompt": "2", "response": "m"})
    assert [row.turns[0].references for row in rows] == [("r",), ()]


def test_mapping_goes_before_known_names():
    row = one(
        {"prompt": "old", "q_new": "q", "gold": "g", "answer": "x"}, mapping={"input": "q_new", "reference": "gold"}
    )
    assert row.turns == (Turn("q", ("g",)),)
    assert row.columns == {"prompt": "old", "answer": "x"}


def test_mapping_mistakes_are_refused():
    for mapping, code in [
        ({"inputs": "a"}, "unknown_mapping"),
        ({"prediction": "a"}, "unknown_mapping"),
        ({"input": "prompt", "reference": "prompt"}, "bad_mapping"),
        ({"reference": "golden"}, "unknown_column"),
    ]:
        with pytest.raises(InputError) as caught:
            read({"prompt": "q", "gold": "g"}, mapping=mapping)
        assert (caught.value.error_code, bool(caught.value.hint)) == (code, True)
    with pytest.raises(InputError):
        read({"prompt": "q"}, kind="special")


# --- Values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("", ()),
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([["a", "b"]], ("a", "b")),
        ([["a"], None, "b", ""], ("a", "b")),
        (42, ("42",)),
        (2.5, ("2.5",)),
        (False, ("false",)),
        ({"b": 1, "a": "字"}, ('{"a":"字","b":1}',)),
    ],
)
def test_references(value, expected):
    assert turn({"prompt": "q", "reference": value}).references == expected


def test_inputs_may_be_numbers_or_content_parts():
    assert turn({"prompt": 42}).input == "42"
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "http://x/y.png"}}]
    assert turn({"prompt": parts}).input == parts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"reference": "r"}, "input: is missing"),
        ({"prompt": "q", "": "x"}, ": a column has no name"),
        ({"prompt": None}, "prompt: is missing"),
        ({"prompt": " \n"}, "prompt: is empty"),
        ({"prompt": {"a": 1}}, "prompt: must be text"),
        ({"prompt": []}, "prompt: is empty"),
        ({"prompt": ["a"]}, "prompt[0]: must be a content part"),
        ({"prompt": "q", "id": 1.5}, "id: must be text or a whole number"),
        ({"prompt": "q", "id": True}, "id: must be"),
        ({"prompt": "q", "category": ["a"]}, "category: must be"),
        ({"prompt": "q", "parameters": [1]}, "parameters: must be an object"),
        ({"prompt": "q", "parameters": "{"}, "parameters: is broken JSON"),
        ({"prompt": "q", "parameters": {"temperature": "hot"}}, "parameters.temperature: must be a number"),
    ],
)
def test_unusable_values_name_their_column(value, said):
    assert problem(value).startswith(said)


def test_result_set_problems():
    assert problem({"note": "x"}, "result_set").startswith("prediction: the row has neither")
    assert (
        problem({"prompt": "q", "prediction": ["a", "b"]}, "result_set")
        == "prediction: holds 2 answers, one is expected"
    )


def test_row_level_fields():
    row = one(
        {
            "id": 7,
            "prompt": "q",
            "system_prompt": "s",
            "group_id": 1,
            "category": "c",
            "session_id": 9,
            "parameters": {"temperature": 0.1, "top_p": None, "colour": "red", "stop": ["x"]},
            "x": None,
            "y": [1],
        }
    )
    assert (row.id, row.system, row.group_id, row.category, row.session_id) == ("7", "s", "1", "c", "9")
    assert row.params == {"temperature": 0.1, "stop": ["x"]}
    assert row.columns == {"y": [1]}


def test_json_text_in_structured_cells_is_parsed():
    row = one({"messages": '[{"role":"user","content":"q"}]', "parameters": '{"top_k": 1}'})
    assert (row.turns, row.params) == ((Turn("q"),), {"top_k": 1})
    assert problem({"messages": "[{"}).startswith("messages: is broken JSON")


# --- Messages

U, A, S = "user", "assistant", "system"


def chat(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


def test_messages_that_end_with_the_user_are_one_turn_with_history():
    row = one({"messages": chat((S, "s"), (U, "1"), (A, "2"), (U, "3")), "reference": "4"})
    assert (row.system, row.history) == ("s", (Message(U, "1"), Message(A, "2")))
    assert row.turns == (Turn("3", ("4",)),)


def test_messages_that_end_with_the_assistant_are_a_dialogue():
    value = {"messages": chat((U, "1"), (A, "2"), (U, "3"), (A, "4")), "level": "x"}
    row = one(value)
    assert (row.turns, row.history, row.columns) == ((Turn("1", ("2",)), Turn("3", ("4",))), (), {"level": "x"})
    assert one(value, "result_set").turns == (Turn("1", (), "2"), Turn("3", (), "4"))


def test_messages_of_a_result_set_with_prediction_and_reference():
    row = one({"messages": chat((U, "1"), (A, "2"), (U, "3")), "response": "p", "reference_answer": "r"}, "result_set")
    assert (row.turns, row.history) == ((Turn("3", ("r",), "p"),), (Message(U, "1"), Message(A, "2")))


def test_messages_may_stand_in_the_input_column_or_be_the_whole_line():
    assert one({"input": chat((S, "s"), (U, "q")), "reference": "r"}).turns == (Turn("q", ("r",)),)
    assert one(chat((U, "q"), (A, "r"))).turns == (Turn("q", ("r",)),)


def test_an_input_beside_messages_is_a_plain_column():
    row = one({"messages": chat((U, "q")), "prompt": "p"})
    assert (row.turns, row.columns) == ((Turn("q"),), {"prompt": "p"})
    assert one({"messages": None, "prompt": "p"}).turns == (Turn("p"),)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "messages: must be a list"),
        ({"role": U}, "messages: must be a list"),
        (["hi"], "messages[0]: must be an object"),
        (chat(("tool", "x")), "messages[0].role: is 'tool'"),
        (chat((U, "x"), (U, "y")), "messages[1].role: is user, must be assistant"),
        (chat((S, "s"), (A, "x")), "messages[1].role: is assistant, must be user"),
        (chat((U, "x"), (S, "s")), "messages[1].role: is system"),
        (chat((S, "s")), "messages: holds a system message only"),
        (chat((U, "")), "messages[0].content: is empty"),
        (chat((U, "x"), (A, None)), "messages[1].content: is missing"),
        (chat((S, "s"), (U, "x"), (A, [{"type": "text", "text": "y"}])), "messages[2].content: must be text"),
        (chat((S, [{"type": "text", "text": "y"}]), (U, "x")), "messages[0].content: a system message must be text"),
        (chat(*[(U, "x"), (A, "y")] * 151), "messages: has 151 turns"),
    ],
)
def test_broken_messages_name_the_message(messages, said):
    assert problem({"messages": messages}).startswith(said)


def test_two_truths_beside_messages_are_refused():
    assert problem({"messages": chat((U, "1"), (A, "2")), "reference": "3"}).startswith(
        "reference: the last assistant message"
    )
    assert problem({"messages": chat((S, "s"), (U, "1")), "system": "t"}).startswith("system: differs")


# --- Arrays of turns


def test_prompt_response_lines():
    assert one([{"prompt": "q"}]).turns == (Turn("q"),)
    row = one(
        [
            {"system": "s", "prompt": "1", "response": [["a", "b"]], "weight": 1},
            {"prompt": "2", "response": "c", "weight": 0},
        ]
    )
    assert (row.system, row.turns, row.columns) == ("s", (Turn("1", ("a", "b")), Turn("2", ("c",))), {"weight": [1, 0]})
    assert one([{"prompt": "q", "response": [["p"]]}], "result_set").turns == (Turn("q", (), "p"),)


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([], ": the array of turns is empty"),
        (["q"], "[0]: must be a turn"),
        ([{"prompt": "1"}, {"prompt": ""}], "[1].prompt: is empty"),
        ([{"prompt": "1"}, {"response": "x"}], "[1].prompt: is missing"),
        ([{"prompt": "1", "system": "s"}, {"prompt": "2", "system": "t"}], "[1].system: differs"),
        ([{"prompt": "x"}] * 151, ": has 151 turns, at most 150"),
    ],
)
def test_broken_arrays_of_turns(turns, said):
    assert problem(turns).startswith(said)


def test_150_turns_are_allowed():
    assert len(one([{"prompt": "x"}] * 150).turns) == 150


# --- Sessions


def row_of(session, prompt, **more):
    return {"session_id": session, "prompt": prompt, "reference": prompt.upper(), **more}


def test_rows_of_one_session_are_the_turns_of_one_dialogue():
    rows = read(
        row_of("s", "a", x=1, y=5), row_of("s", "b", x=2, y=5), row_of("t", "c"), {"prompt": "d"}, row_of("u", "e")
    )
    assert [[turn.input for turn in row.turns] for row in rows] == [["a", "b"], ["c"], ["d"], ["e"]]
    assert [row.position for row in rows] == [0, 1, 2, 3]
    assert rows[0].columns == {"x": [1, 2], "y": 5}
    assert rows[0].turns[1].references == ("B",)


def test_result_set_sessions_hold_an_answer_for_each_turn():
    rows = read(
        {"session_id": 1, "prompt": "a", "response": "x"},
        {"session_id": 1, "prompt": "b", "response": None},
        kind="result_set",
    )
    assert rows[0].turns == (Turn("a", (), "x"), Turn("b", (), None))


def test_a_session_that_comes_again_is_a_problem():
    rows = read(row_of("s", "a"), row_of("t", "b"), row_of("s", "c"), row_of("s", "d"), row_of("t2", "e"))
    assert [(row.line if isinstance(row, RowProblem) else row.turns[0].input) for row in rows] == ["a", "b", 3, 4, "e"]
    assert "do not stand together" in rows[2].reason


def test_a_session_falls_with_any_of_its_rows():
    rows = read(row_of("r", "z"), row_of("s", "a"), row_of("s", " "), row_of("s", "c"), row_of("t", "d"))
    problems = [row for row in rows if isinstance(row, RowProblem)]
    assert sorted(found.line for found in problems) == [2, 3, 4]
    assert [row.turns[0].input for row in rows if isinstance(row, Row)] == ["z", "d"]


def test_sessions_beside_an_unreadable_line_may_lack_a_turn():
    torn = RowProblem("f", 2, "", "broken JSON")
    rows = read(row_of("s", "a"), torn, row_of("t", "c"), row_of("u", "d"))
    assert [row.line for row in rows if isinstance(row, RowProblem)] == [2, 1, 3]
    assert [row.session_id for row in rows if isinstance(row, Row)] == ["u"]
    assert [type(row) for row in read({"prompt": "a"}, torn, {"prompt": "b"})] == [Row, RowProblem, Row]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (row_of("s", "b", system="t"), "system differs in line 2"),
        (row_of("s", "b", category="other"), "category differs in line 2"),
        (row_of("s", "b", parameters={"top_p": 0.5}), "parameters differs in line 2"),
        ({"session_id": "s", "messages": chat((U, "1"), (A, "2"), (U, "3"))}, "line 2 of it holds a dialogue"),
    ],
)
def test_turns_that_disagree_are_refused(second, said):
    found = read(row_of("s", "a", system="s", category="c", parameters={"top_p": 0.1}), second)
    assert [row.line for row in found] == [1, 2]
    assert said in found[0].reason


def test_a_session_of_over_150_rows_is_refused():
    assert len(read(*[row_of("s", "a")] * 150)) == 1
    assert [type(row) for row in read(*[row_of("s", "a")] * 151)] == [RowProblem] * 151


# --- Ids


def test_ids_are_the_users_or_a_hash_of_what_is_asked():
    own, number, hashed, empty = read(
        {"id": "x", "prompt": "q"}, {"id": 7, "prompt": "q"}, {"prompt": "q"}, {"id": "", "prompt": "q"}
    )
    assert (own.id, number.id) == ("x", "7")
    assert hashed.id == empty.id == content_id(hashed)
    assert len(hashed.id) == 16


def test_an_id_depends_on_the_question_and_not_on_the_prediction_or_the_line():
    base = {"prompt": "q", "reference": "r", "system": "s"}
    same = [base, {**base, "note": "n"}, {**base, "category": "c"}, {**base, "parameters": {"top_p": 0.5}}]
    assert len({row.id for row in read(*same)}) == 1
    other = [
        base,
        {**base, "prompt": "Q"},
        {**base, "reference": "R"},
        {**base, "system": "S"},
        {**base, "reference": ["r", "x"]},
    ]
    assert len({row.id for row in read(*other)}) == len(other)
    results = [{"prompt": "q", "reference": "r", "system": "s", "prediction": answer} for answer in ("1", "2")]
    assert {row.id for row in read(*results, kind="result_set")} == {one(base).id}


def test_ids_of_session_rows_are_kept():
    same, several = read(
        row_of("s", "a", id=1), row_of("s", "b", id=1), row_of("t", "a", id="x"), row_of("t", "b", id="y")
    )
    assert same.id == "1"
    assert (several.id, several.columns) == (content_id(several), {"id": ["x", "y"]})


# --- Properties

words = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20).filter(lambda s: not s.isspace())
plain = st.fixed_dictionaries(
    {}, optional={"level": st.integers(), "note": words, "score": st.floats(0, 1), "tags": st.lists(words)}
)


@st.composite
def rows(draw):
    shape = draw(st.sampled_from(["single", "messages", "dialogue"]))
    system = draw(st.none() | words)
    texts = draw(st.lists(words, min_size=1, max_size=4))
    history = ()
    if shape == "dialogue":
        turns = tuple(Turn(text, (draw(words),)) for text in texts)
    else:
        turns = (Turn(texts[0], tuple(draw(st.lists(words, max_size=3)))),)
        if shape == "messages":
            history = tuple(message for text in texts for message in (Message(U, text), Message(A, draw(words))))
    id_ = draw(words)
    return shape, Row(
        id=id_,
        position=0,
        turns=turns,
        system=system,
        history=history,
        category=draw(st.none() | words),
        columns=draw(plain),
    )


def written(shape, row):
    """The row as people write it in this shape."""
    value = {"id": row.id, "category": row.category, **row.columns}
    if shape == "single":
        return {**value, "prompt": row.turns[0].input, "system": row.system, "reference": list(row.turns[0].references)}
    head = [(S, row.system)] if row.system else []
    if shape == "dialogue":
        return {
            **value,
            "messages": chat(
                *head, *((role, text) for t in row.turns for role, text in ((U, t.input), (A, t.references[0])))
            ),
        }
    said = [(message.role, message.content) for message in row.history]
    return {
        **value,
        "messages": chat(*head, *said, (U, row.turns[0].input)),
        "reference": list(row.turns[0].references),
    }


@quick
@given(rows())
def test_a_row_written_in_any_shape_is_read_back(case):
    shape, row = case
    assert one(written(shape, row)) == row


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "prompt", "type", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
keys = st.sampled_from(
    ["prompt", "messages", "answer", "response", "reference", "id", "session_id", "parameters", "system", "x"]
)
anything = st.dictionaries(keys, json_values, max_size=6) | st.lists(json_values, max_size=3)


@quick
@given(st.lists(anything, max_size=6), st.sampled_from(["general", "result_set"]))
def test_whatever_a_record_holds_each_line_is_a_row_or_a_problem(values, kind):
    found = read(*values, kind=kind)
    good = [row for row in found if isinstance(row, Row)]
    told = {row.line for row in found if isinstance(row, RowProblem)}
    assert [row.position for row in good] == list(range(len(good)))
    assert sum(len(row.turns) if row.session_id else 1 for row in good) + len(told) == len(values)
    assert all(turn.input != "" or kind == "result_set" for row in good for turn in row.turns)


def test_predictions_beside_messages_are_the_answers_and_the_messages_the_references() -> None:
    messages = [
        {"role": "user", "content": "1+1=?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "and 2+2?"},
        {"role": "assistant", "content": "4"},
    ]
    records = [RawRecord(1, {"messages": messages, "predictions": ["two", None]})]
    (row,) = read_rows(records, file="f", kind="result_set")
    assert isinstance(row, Row)
    assert [(t.references, t.answer) for t in row.turns] == [(("2",), "two"), (("4",), None)]


@pytest.mark.parametrize("predictions", [["one"], ["a", "b", "c"], {"a": 1}])
def test_predictions_that_do_not_fit_the_messages_are_a_bad_row(predictions: object) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 2
    (problem,) = read_rows(
        [RawRecord(3, {"messages": messages, "predictions": predictions})], file="f", kind="result_set"
    )
    assert isinstance(problem, RowProblem)
    assert (problem.line, problem.column) == (3, "predictions")
