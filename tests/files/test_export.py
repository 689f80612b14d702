"""Rows go out in every shape and come back equal; what a shape cannot hold is refused by row, and no file is left."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steelyard.adapters.formats.read import read_records
from steelyard.adapters.formats.write_rows import write_rows
from steelyard.domain.errors import InputError, RowsRefusedError
from steelyard.domain.row import Message, Row, RowProblem, Turn
from steelyard.flow.rows.export import SHAPES
from steelyard.flow.rows.identity import content_id
from steelyard.flow.rows.read import read_rows

IMAGE = [
    {"type": "text", "text": "看图"},
    {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
]

text = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12).filter(lambda s: not s.isspace())
tame = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=12).filter(
    lambda s: not s.isspace() and "_x" not in s
)
columns = st.dictionaries(
    st.sampled_from(["level", "answer", "params", "note", "target", "prompt", "题目"]),
    st.integers(-5, 5) | text | st.lists(st.integers(0, 3), min_size=1, max_size=3) | st.booleans(),
    max_size=3,
)


def turn(words, fewest=0, most=3, inputs=None, answers=None):
    return st.builds(
        Turn,
        input=words if inputs is None else inputs,
        references=st.lists(words, min_size=fewest, max_size=most).map(tuple),
        answer=st.none() if answers is None else answers,
    )


@st.composite
def row_lists(draw, one, most_turns=3, system=True, history=False, extra=None, session=False, words=text):
    found = []
    for position in range(draw(st.integers(1, 5))):
        turns = tuple(draw(st.lists(one, min_size=1, max_size=most_turns)))
        past = ()
        if history and len(turns) == 1 and draw(st.booleans()):
            past = (Message("user", draw(words)), Message("assistant", draw(words)))
        found.append(
            Row(
                id=f"r{position}", position=position, turns=turns, history=past,
                system=draw(st.none() | words) if system else None,
                category=draw(st.none() | words) if extra is not None else None,
                columns=draw(extra) if extra is not None else {},
                session_id=f"s{position}" if session and draw(st.booleans()) else None,
                params={"temperature": 0.5} if extra is not None and draw(st.booleans()) else {},
            )
        )  # fmt: skip
    return found


def back(paths, kind="general"):
    found = [row for path in paths for row in read_rows(read_records(path), file=path.name, kind=kind)]
    assert [problem.text() for problem in found if isinstance(problem, RowProblem)] == []
    return found


def asked(rows):
    return [(content_id(row), row.system, row.history, row.turns) for row in rows]


def names(rows):
    return tuple(dict.fromkeys(name for row in rows for name in row.columns))


quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def round_trip(folder, rows, shape, ending, kind="general"):
    paths = write_rows(rows, shape, kind, folder / f"a.{ending}", columns=names(rows))
    assert sorted(folder.iterdir()) == sorted(paths)
    found = back(paths, kind)
    assert asked(found) == asked(rows)
    return found


@quick
@given(row_lists(turn(text)))
def test_prompt_response_comes_back_equal(tmp_path_factory, rows):
    round_trip(tmp_path_factory.mktemp("a"), rows, "qianfan-prompt-response", "jsonl")


@quick
@given(
    row_lists(turn(text, 1, 1, text | st.just(IMAGE)))
    | row_lists(turn(text, 0, 3, text | st.just(IMAGE)), 1, history=True)
)
def test_role_messages_come_back_equal(tmp_path_factory, rows):
    round_trip(tmp_path_factory.mktemp("a"), rows, "qianfan-role", "jsonl")


@quick
@given(row_lists(turn(tame, 0, 0), 1, system=False), st.sampled_from(["jsonl", "csv", "xlsx"]))
def test_prompts_come_back_equal(tmp_path_factory, rows, ending):
    round_trip(tmp_path_factory.mktemp("a"), rows, "qianfan-prompt", ending)


@quick
@given(row_lists(turn(text, 1, 1), extra=st.fixed_dictionaries({"rejected": text})))
def test_dpo_keeps_chosen_and_rejected(tmp_path_factory, rows):
    found = round_trip(tmp_path_factory.mktemp("a"), rows, "qianfan-dpo", "jsonl")
    assert [row.columns for row in found] == [row.columns for row in rows]


@quick
@given(
    st.lists(st.lists(st.lists(text, min_size=1, max_size=2), min_size=1, max_size=3), min_size=1, max_size=4),
    st.none() | text,
)
def test_sorted_responses_keep_ranks_and_scores(tmp_path_factory, ranked, system):
    rows = [
        Row(
            id=str(i), position=i, turns=(Turn(f"q{i}", tuple(ranks[0])),), system=system,
            columns={"sorted_responses": ranks, "score": list(range(len(ranks)))},
        )
        for i, ranks in enumerate(ranked)
    ]  # fmt: skip
    found = round_trip(tmp_path_factory.mktemp("a"), rows, "qianfan-sorted", "jsonl")
    assert [row.columns for row in found] == [row.columns for row in rows]


@quick
@given(row_lists(turn(tame, 0, 1), words=tame), st.sampled_from(["jsonl", "xlsx"]))
def test_ark_dialogues_come_back_equal(tmp_path_factory, rows, ending):
    round_trip(tmp_path_factory.mktemp("a"), rows, "ark", ending)


@quick
@given(row_lists(turn(tame, 0, 1, answers=st.none() | tame), words=tame), st.sampled_from(["jsonl", "xlsx"]))
def test_ark_result_sets_come_back_equal(tmp_path_factory, rows, ending):
    round_trip(tmp_path_factory.mktemp("a"), rows, "ark", ending, "result_set")


@quick
@given(
    row_lists(turn(text, 0, 3, text | st.just(IMAGE)), 1, history=True, extra=columns),
    st.sampled_from(["openai-evals", "openai-item"]),
)
def test_openai_lines_come_back_equal(tmp_path_factory, rows, shape):
    round_trip(tmp_path_factory.mktemp("a"), rows, shape, "jsonl")


@quick
@given(
    row_lists(
        turn(text, 0, 3, text | st.just(IMAGE), st.none() | text | st.just("")),
        history=True,
        extra=columns,
        session=True,
    )
)
def test_plain_lines_hold_all_of_a_row(tmp_path_factory, rows):
    for kind in ("general", "result_set"):
        given_rows = [strip(row) for row in rows] if kind == "general" else rows
        found = round_trip(tmp_path_factory.mktemp("a"), given_rows, "plain", "jsonl", kind)
        assert [(r.id, r.category, r.params, r.columns, r.position) for r in found] == [
            (r.id, r.category, r.params, r.columns, r.position) for r in given_rows
        ]
        assert all(row.session_id in (None, now.session_id) for row, now in zip(given_rows, found, strict=True))


def strip(row):
    return Row(
        **{
            **{f: getattr(row, f) for f in row.__struct_fields__},
            "turns": tuple(Turn(t.input, t.references) for t in row.turns),
        }
    )


@quick
@given(
    row_lists(turn(tame, 0, 1, tame | st.just(IMAGE), st.none() | tame), history=True, extra=st.fixed_dictionaries({}, optional={"note": tame, "answer": tame}), session=True, words=tame),
    st.sampled_from(["csv", "xlsx", "parquet"]),
)  # fmt: skip
def test_plain_tables_hold_all_of_a_row_as_text(tmp_path_factory, rows, ending):
    found = round_trip(tmp_path_factory.mktemp("a"), rows, "plain", ending, "result_set")
    assert [(r.id, r.category, r.params, r.columns) for r in found] == [
        (r.id, r.category, r.params, r.columns) for r in rows
    ]


def test_parquet_holds_several_references(tmp_path):
    round_trip(tmp_path, [Row("a", 0, (Turn("q", ("x", "y")),)), Row("b", 1, (Turn("r"),))], "plain", "parquet")


def test_dialogues_of_one_name_stay_apart(tmp_path):
    rows = [Row(str(i), i, (Turn("a"), Turn(f"b{i}")), session_id="1") for i in range(3)]
    round_trip(tmp_path, rows, "plain", "jsonl")


@pytest.mark.parametrize("line", [
    [{"user": "q", "chosen": "good", "rejected": "bad"}], [{"prompt": "q", "chosen": "good", "rejected": "bad"}],
])  # fmt: skip
def test_dpo_lines_of_either_name_are_read(tmp_path, line):
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    (row,) = back([tmp_path / "a.jsonl"])
    assert (row.turns, row.columns) == ((Turn("q", ("good",)),), {"rejected": "bad"})


def test_openai_lines_are_read(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"item": {"question": "q", "answer": "a"}, "sample": {"output_text": "p"}}\n')
    (row,) = back([tmp_path / "a.jsonl"], "result_set")
    assert row.turns == (Turn("q", ("a",), "p"),)
    (tmp_path / "b.jsonl").write_text(
        '{"input": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}], "ideal": ["a", "b"]}'
    )
    (row,) = back([tmp_path / "b.jsonl"])
    assert (row.system, row.turns) == ("s", (Turn("q", ("a", "b")),))


def test_a_user_column_beside_no_choice_is_a_column(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "q", "user": "u", "item": 3}\n[{"prompt": "q", "user": "u"}]')
    assert [row.columns for row in back([tmp_path / "a.jsonl"])] == [{"user": "u", "item": 3}, {"user": "u"}]


@pytest.mark.parametrize("ending", ["jsonl", "xlsx"])
def test_ark_files_hold_a_thousand_rows_and_no_torn_dialogue(tmp_path, ending):
    rows = [Row(str(i), i, tuple(Turn(f"q{i} {j}", ("a",)) for j in range(3))) for i in range(700)]
    paths = write_rows(rows, "ark", "general", tmp_path / f"a.{ending}")
    assert [path.name for path in paths] == [f"a-{n}.{ending}" for n in (1, 2, 3)]
    assert [len(list(read_records(path))) for path in paths] == [999, 999, 102]
    assert [turns for *_, turns in asked(back(paths))] == [row.turns for row in rows]


def test_ark_fills_a_file_to_the_last_row(tmp_path):
    rows = [Row(str(i), i, (Turn("q"),)) for i in range(1001)]
    paths = write_rows(rows, "ark", "general", tmp_path / "a.jsonl")
    assert [len(path.read_text().splitlines()) for path in paths] == [1000, 1]


def test_ark_takes_ten_files_and_no_more(tmp_path):
    rows = [Row(str(i), i, (Turn("q"),)) for i in range(10_001)]
    assert len(write_rows(rows[:-1], "ark", "general", tmp_path / "a.jsonl")) == 10
    with pytest.raises(InputError) as caught:
        write_rows(rows, "ark", "general", tmp_path / "b.jsonl")
    assert caught.value.error_code == "too_large"
    assert list(tmp_path.glob("*b*")) == []


ONE = Row("one", 0, (Turn("q", ("a",)),))


@pytest.mark.parametrize(
    ("row", "shape", "ending", "column"),
    [
        (Row("x", 1, (Turn(IMAGE, ("a",)),)), "qianfan-prompt-response", "jsonl", "input"),
        (Row("x", 1, (Turn("q"),), history=(Message("user", "h"), Message("assistant", "i"))), "qianfan-prompt-response", "jsonl", ""),
        (Row("x", 1, (Turn("q", ("a",)), Turn("r"))), "qianfan-role", "jsonl", "reference"),
        (Row("x", 1, (Turn("q", ("a",)),)), "qianfan-dpo", "jsonl", "rejected"),
        (Row("x", 1, (Turn("q", ("a",)),)), "qianfan-sorted", "jsonl", "sorted_responses"),
        (Row("x", 1, (Turn("q", ("a", "b")),)), "ark", "jsonl", "reference"),
        (Row("x", 1, (Turn("q"), Turn("r"))), "openai-evals", "jsonl", ""),
        (Row("x", 1, (Turn("q"), Turn("r"))), "openai-item", "jsonl", ""),
        (Row("x", 1, (Turn("q", ("a", "b")),)), "plain", "csv", "reference"),
        (Row("x", 1, (Turn("q\0"),)), "plain", "csv", ""),
        (Row("x", 1, (Turn("q\x01"),)), "plain", "xlsx", "input"),
        (Row("x", 1, (Turn("长" * 32_768),)), "plain", "xlsx", "input"),
        (Row("x", 1, (Turn("q", ("a",)),), columns={"input": 1}), "plain", "jsonl", "input"),
    ],
)  # fmt: skip
def test_what_a_shape_cannot_hold_is_refused_by_row_and_leaves_no_file(tmp_path, row, shape, ending, column):
    good = ONE if shape not in ("qianfan-dpo", "qianfan-sorted") else Row(
        "one", 0, (Turn("q", ("a",)),), columns={"rejected": "b", "sorted_responses": [["a"], ["b"]], "score": [2, 1]}
    )  # fmt: skip
    (tmp_path / f"a.{ending}").write_text("before")
    with pytest.raises(RowsRefusedError) as caught:
        write_rows([good, row, row], shape, "general", tmp_path / f"a.{ending}")
    assert caught.value.count == 2
    assert [(p.file, p.line, p.column) for p in caught.value.problems] == [("x", 2, column)] * 2
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("shape", "kind", "name"),
    [
        ("qianfan", "general", "a.jsonl"),
        ("qianfan-role", "general", "a.csv"),
        ("ark", "general", "a.csv"),
        ("plain", "general", "a.txt"),
        ("plain", "general", "gone/a.jsonl"),
        ("plain", "general", "gone/a.xlsx"),
        ("plain", "general", "gone/a.parquet"),
        *((shape, "result_set", "a.jsonl") for shape in SHAPES if shape.startswith(("qianfan", "openai-evals"))),
    ],
)
def test_choices_that_cannot_be_are_refused(tmp_path, shape, kind, name):
    with pytest.raises(InputError) as caught:
        write_rows([ONE], shape, kind, tmp_path / name)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_empty_answer_is_not_made_a_missing_one(tmp_path, ending):
    with pytest.raises(RowsRefusedError, match="empty answer"):
        write_rows([Row("a", 0, (Turn("q", (), ""),))], "plain", "result_set", tmp_path / f"a.{ending}")


def test_no_rows_are_no_file(tmp_path):
    with pytest.raises(InputError, match="no rows"):
        write_rows([], "plain", "general", tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == []
