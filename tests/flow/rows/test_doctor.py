"""What a check of rows finds and what it leaves in peace; near duplicates, profile, difference and draws, against plain definitions."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.domain.errors import InputError
from steelyard.domain.row import Message, Row, Turn
from steelyard.flow.rows.doctor.check import CheckOptions, check_rows
from steelyard.flow.rows.doctor.difference import difference
from steelyard.flow.rows.doctor.findings import SEVERITIES, SHOWN
from steelyard.flow.rows.doctor.leak import folded, is_leaked
from steelyard.flow.rows.doctor.near_duplicates import NearDuplicates
from steelyard.flow.rows.doctor.profile import profile_rows
from steelyard.flow.rows.doctor.selection import sample_rows, split_rows
from steelyard.flow.rows.doctor.trigrams import similarity, sketch

WORDS = "amber basin cedar delta ember fjord grove haven inlet jetty karst lagoon mesa notch oasis plain quarry ridge"
HANZI = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈"


def row(id_, question, *references, answer=None, **more):
    return Row(id=id_, position=0, turns=(Turn(question, tuple(references), answer),), **more)


def plain(count):
    """Rows without anything to find: distinct in words and in length alike, with references of their own."""
    words = WORDS.split()
    return [
        row(
            f"p{i}",
            " ".join(words[(i * k + i // 7 + k * k) % len(words)] + str(i * 31 % 97) for k in range(2, 12)),
            f"value {i * 13}",
        )
        for i in range(count)
    ]


def found(rows, **options):
    rows = list(rows)
    return {f.code: f for f in check_rows(lambda: rows, CheckOptions(**options)).checkup.findings}


def test_healthy_rows_have_no_findings():
    assert found(plain(200)) == {}


def test_a_repeated_row_is_a_duplicate_and_its_first_occurrence_is_not():
    rows = [*plain(150), row("again", "What is it?", "x"), row("b", "What is it?", "x"), row("c", "What is it?", "x")]
    result = found(rows)
    assert set(result) == {"duplicate"} | ({"unusual_length"} & set(result))
    assert (result["duplicate"].count, result["duplicate"].row_ids) == (2, ("b", "c"))


@pytest.mark.parametrize(
    "other",
    [
        row("b", "What is it?", "x", system="be brief"),
        row("b", "What is it?", "x", params={"temperature": 1}),
        row("b", "What is it?", "x", history=(Message("user", "hi"),)),
        row("b", [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "u"}}], "x"),
    ],
)
def test_what_is_asked_is_more_than_its_text(other):
    assert "duplicate" not in found([*plain(150), row("a", "What is it?", "x"), other])


def test_answers_of_a_result_set_that_differ_make_no_duplicates():
    rows = [row("a", "What is it?", "x", answer="1"), row("b", "What is it?", "x", answer="2")]
    assert "duplicate" not in found(rows)


def test_a_column_that_templates_use_belongs_to_the_question():
    rows = [row("a", "Who?", "x", columns={"text": "1"}), row("b", "Who?", "y", columns={"text": "2"})]
    assert found(rows)["contradicting_references"].row_ids == ("a", "b")
    assert "contradicting_references" not in found(rows, columns=("text",))


def test_all_rows_of_a_contradiction_are_named():
    rows = [*plain(150), row("a", "Is it so?", "yes"), row("b", "Is it so?", "no"), row("c", "Is it so?", "yes")]
    result = found(rows)
    assert result["contradicting_references"].row_ids == ("a", "b", "c")
    assert result["duplicate"].row_ids == ("c",)


def test_the_order_of_references_is_no_contradiction():
    assert "contradicting_references" not in found([row("a", "Who?", "x", "y"), row("b", "Who?", "y", "x")])


def test_rows_without_a_reference_stand_out_only_where_others_have_one():
    rows = [*plain(150), row("e", "What is the colour of the sea in winter?", " ")]
    assert found(rows)["empty_reference"].row_ids == ("e",)
    bare = [Row(id=r.id, position=0, turns=(Turn(r.turns[0].input),)) for r in plain(150)]
    assert set(found(bare)) == {"no_references"}


def test_an_empty_input_is_found_in_any_turn():
    two = Row(id="t", position=0, turns=(Turn("hello there", ("a",)), Turn(" \n", ("b",))))
    assert found([*plain(150), two])["empty_input"].row_ids == ("t",)


@pytest.mark.parametrize(
    ("question", "reference", "expected"),
    [
        ("The Seine flows through Paris, capital of France. Where?", "paris, Capital", True),
        ("阅读：李白生于碎叶城。李白生于何处？", "碎叶城。李白", True),
        ("阅读：李白生于碎叶城。李白生于何处？", "碎叶城", False),
        ("In 2019 it was 123456789 yuan. How much?", "123456789", False),
        ("Which?\nA. the blue whale\nB. the white shark", "the blue whale", False),
        ("Which?\n(A) the blue whale (B) the white shark", "the white shark", False),
        ("哪个？A、北京大学 B、清华大学", "清华大学", False),
        ("A or B?", "A", False),
        ("Ｔｈｅ　ｗｈｉｔｅ　ｓｈａｒｋ swims", "the white shark", True),
        ("What swims?", "the white shark", False),
    ],
)
def test_the_rule_for_leaked_references(question, reference, expected):
    assert is_leaked(row("a", question, reference)) is expected


def test_a_later_turn_may_not_leak_what_an_earlier_one_told_nobody():
    told = Row(id="t", position=0, turns=(Turn("Who?", ("the white shark",)), Turn("Was it the white shark?", ("y",))))
    assert not is_leaked(told)
    assert is_leaked(Row(id="t", position=0, turns=(Turn("the white shark"), Turn("Who?", ("The white shark",)))))


def test_class_labels_in_the_question_are_no_leak():
    rows = [row(f"l{i}", f"{p.turns[0].input}: positive or negative?", "negative") for i, p in enumerate(plain(120))]
    assert "leaked_reference" not in found(rows)
    rows.append(row("leak", "The answer is forty two donkeys. What is the answer?", "forty two donkeys"))
    assert found(rows)["leaked_reference"].row_ids == ("leak",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("café".encode().decode("latin-1"), "mojibake"),
        ("It’s".encode().decode("cp1252"), "mojibake"),
        ("你好，世界".encode().decode("latin-1"), "mojibake"),
        ("你好，我们".encode().decode("gbk", "replace"), "mojibake"),
        ("你好。我们".encode().decode("gbk", "replace"), "mojibake"),
        ("我们的你们".encode().decode("gbk", "replace"), "mojibake"),
        ("锟斤拷", "mojibake"),
        ("a\ufffdb", "replacement_character"),
        ("Ｇ20 峰会", "mixed_width"),
        ("a\x00b", "control_character"),
    ],
)
@pytest.mark.parametrize("place", ["question", "reference"])
def test_damaged_text_is_found(text, code, place):
    bad = row("bad", text, "some value") if place == "question" else row("bad", "Which one would it be?", text)
    assert found([*plain(150), bad])[code].row_ids == ("bad",)


@pytest.mark.parametrize(
    "text",
    ["café naïve São Paulo “quoted” — it’s", "你好，世界。Steelyard 3.0", "Âge et Été, garçon: «élève…»", "日本語のテスト", "a\tb\nc"],
)  # fmt: skip
def test_sound_text_is_left_in_peace(text):
    damage = {"mojibake", "replacement_character", "mixed_width", "control_character"}
    assert not damage & set(found([row("a", text, text)]))


def test_lengths_far_from_the_others_are_found():
    rows = [*plain(150), row("long", "x y " * 5000, "value"), row("ref", plain(200)[180].turns[0].input, "v " * 4000)]
    assert found(rows)["unusual_length"].row_ids == ("long", "ref")


def test_uneven_labels_and_few_rows_are_found():
    rows = [row(p.id, p.turns[0].input, "yes" if i else "no") for i, p in enumerate(plain(80))]
    result = found(rows)
    assert result["label_imbalance"].details["labels"] == {"yes": 79, "no": 1}
    assert result["too_few_rows"].count == 80
    even = [row(p.id, p.turns[0].input, "yes" if i % 2 else "no") for i, p in enumerate(plain(120))]
    assert "label_imbalance" not in found(even)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (
            "How many provinces does China have, not counting municipalities?",
            "how many  provinces does China have, not counting municipalities",
        ),
        (HANZI[:40] + "？", HANZI[:40] + "?!"),
    ],
)
def test_near_duplicates_are_found_in_english_and_chinese(left, right):
    rows = [*plain(150), row("a", left, "x"), row("b", right, "y")]
    result = found(rows)["near_duplicate"]
    assert result.count == 1
    assert [(p.earlier, p.later) for p in result.pairs] == [("a", "b")]
    assert "near_duplicate" not in found(rows, near=False)


def test_rows_with_images_are_not_compared_by_their_text():
    def seen(id_):
        return row(
            id_,
            [
                {"type": "text", "text": "What is in this picture here?"},
                {"type": "image_url", "image_url": {"url": id_}},
            ],
            id_,
        )

    assert "near_duplicate" not in found([*plain(150), seen("a"), seen("b")])


def trigrams(text):
    text = text.ljust(3, "\0")
    return {text[i : i + 3] for i in range(len(text) - 2)}


@given(st.text(max_size=120), st.text(max_size=120))
@settings(max_examples=200, deadline=None)
def test_similarity_is_that_of_the_sets_of_trigrams(left, right):
    left, right = folded(left), folded(right)
    a, b = trigrams(left), trigrams(right)
    assert similarity(sketch(left), sketch(right)) == pytest.approx(len(a & b) / len(a | b))


def test_similarity_of_long_texts_is_estimated_closely():
    left = "".join(HANZI[i * i % len(HANZI)] + str(i) for i in range(4000))
    right = left[: len(left) * 9 // 10] + "".join(str(i * 7919) for i in range(400))
    a, b = trigrams(left), trigrams(right)
    assert similarity(sketch(left), sketch(right)) == pytest.approx(len(a & b) / len(a | b), abs=0.1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=30))
@settings(max_examples=100, deadline=None)
def test_duplicates_and_contradictions_are_those_of_the_definition(pairs):
    rows = [row(f"r{i}", question, reference) for i, (question, reference) in enumerate(pairs)]
    result = found(rows, near=False)
    duplicates = [f"r{i}" for i, pair in enumerate(pairs) if pair in pairs[:i]]
    contrary = [f"r{i}" for i, (q, _) in enumerate(pairs) if len({r for p, r in pairs if p == q}) > 1]
    for code, expected in (("duplicate", duplicates), ("contradicting_references", contrary)):
        got = result.get(code)
        assert (got.count if got else 0) == len(expected)
        assert list(got.row_ids if got else ()) == expected[:SHOWN]


@given(st.lists(st.text(max_size=60), max_size=12), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_checked_and_profiled_and_again_gives_the_same(texts, seed):
    rows = [row(f"r{i}", text, text[:20]) for i, text in enumerate(texts)]
    first = found(rows, seed=seed)
    assert set(first) <= set(SEVERITIES)
    assert found(rows, seed=seed) == first
    profile = profile_rows(rows)
    assert (profile is None) == (not rows)
    if profile is not None:
        assert sum(profile.languages.values()) == sum(profile.categories.values()) == profile.rows == len(rows)


def test_a_profile_counts_what_is_there():
    rows = [
        row("a", "你好，世界", "你", category="zh"),
        row("b", "hello world", "hello", category="en"),
        Row(id="c", position=0, turns=(Turn("hello", ("x",)), Turn("world", ("yy",))), system="be brief"),
        row("d", "hello world", answer="a"),
    ]
    profile = profile_rows(rows)
    assert profile is not None
    assert (profile.rows, profile.turns, profile.multi_turn, profile.with_system) == (4, 5, 1, 1)
    assert (profile.with_references, profile.with_answers, profile.repeated) == (3, 1, 1)
    assert profile.languages == {"zh": 1, "en": 3}
    assert profile.categories == {"": 2, "en": 1, "zh": 1}
    assert (profile.input_characters.min, profile.input_characters.max) == (5, len("be brief\nhello\nworld"))
    assert profile.reference_characters is not None
    assert profile.reference_characters.max == 5
    assert profile.input_tokens_estimate == round(4 * 0.7 + (1 + 11 + 20 + 11) * 0.25)


versions = st.dictionaries(st.integers(0, 20), st.sampled_from("abc"), max_size=15)


@given(versions, versions)
@settings(max_examples=150, deadline=None)
def test_a_difference_is_that_of_the_two_tables(before, after):
    old, new = ([row(f"r{i}", text, "x") for i, text in table.items()] for table in (before, after))
    diff = difference(old, new, lambda p: old[p], lambda p: new[p])
    assert set(diff.added_ids) == {f"r{i}" for i in after.keys() - before.keys()}
    assert set(diff.removed_ids) == {f"r{i}" for i in before.keys() - after.keys()}
    shared = before.keys() & after.keys()
    assert {c.row_id for c in diff.changes} == {f"r{i}" for i in shared if before[i] != after[i]}
    assert diff.same + diff.changed == len(shared)
    assert all(c.fields == ("input",) for c in diff.changes)
    assert diff.reordered == ([i for i in before if i in shared] != [i for i in after if i in shared])


def test_a_change_names_the_parts_that_differ():
    old = [row("a", "q", "x", category="c", columns={"k": 1})]
    new = [row("a", "q", "y", category="d", columns={"k": 2})]
    diff = difference(old, new, lambda p: old[p], lambda p: new[p])
    assert diff.changes[0].fields == ("reference", "category", "columns")


@given(st.lists(st.sampled_from([None, "g", "h", "i"]), min_size=2, max_size=60), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_a_split_keeps_groups_together_and_shares_about_right(groups, seed):
    rows = [row(f"r{i}", "q", group_id=group) for i, group in enumerate(groups)]
    part_of = list(split_rows(rows, [0.5, 0.3, 0.2], seed))
    assert part_of == list(split_rows(rows, [0.5, 0.3, 0.2], seed))
    for group in {"g", "h", "i"}:
        assert len({part for part, of in zip(part_of, groups, strict=True) if of == group}) <= 1
    largest = max(n for g, n in [*Counter(g for g in groups if g).items(), (None, 1)])
    for part, share in enumerate([0.5, 0.3, 0.2]):
        assert abs(part_of.count(part) - share * len(rows)) <= largest + 1


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [1.2, -0.2], [], [0.5, float("nan")]])
def test_shares_that_are_no_split_are_refused(shares):
    with pytest.raises(InputError) as error:
        split_rows([], shares, 0)
    assert error.value.error_code == "bad_parts"


def test_a_sample_holds_wanted_rows_only_each_once_in_order():
    rows = [row(f"r{i}", "q", category="even" if i % 2 == 0 else "odd", columns={"n": i % 3}) for i in range(60)]
    drawn = list(sample_rows(rows, 5, 1, [("category", "even"), ("n", "0")]))
    assert drawn == sorted(set(drawn))
    assert all(i % 6 == 0 for i in drawn)
    assert drawn == list(sample_rows(rows, 5, 1, [("category", "even"), ("n", "0")]))
    assert any(drawn != list(sample_rows(rows, 5, seed, [("category", "even"), ("n", "0")])) for seed in range(2, 9))
    with pytest.raises(InputError) as error:
        sample_rows(rows, 11, 1, [("category", "even"), ("n", "0")])
    assert "10" in error.value.message


def test_near_duplicates_are_hardly_ever_missed_and_unlike_texts_hardly_ever_compared():
    draw = random.Random(3)
    texts = []
    for _ in range(500):
        text = draw.choices([chr(0x4E00 + i) for i in range(2000)], k=draw.randint(40, 120))
        other = list(text)
        for _ in range(max(1, len(text) // 40)):
            other[draw.randrange(len(other))] = "字"
        texts += ["".join(text), "".join(other)]
    near = NearDuplicates(seed=0)
    for position, text in enumerate(texts):
        near.add(position, text)
    pairs, cut = near.candidates()
    candidates = {(int(a), int(b)) for a, b in pairs}
    alike = {(i, i + 1) for i in range(0, len(texts), 2) if similarity(sketch(texts[i]), sketch(texts[i + 1])) >= 0.8}
    assert len(alike) > 300
    assert len(alike - candidates) <= len(alike) // 50
    assert len(candidates) <= len(texts) // 2 + 5
    assert not cut


def test_rows_from_one_template_are_bounded_work_and_the_cut_is_told():
    rows = [
        row(f"r{i}", f"Please add the following two numbers and give the sum only: {i} and 7", "x") for i in range(9000)
    ]
    result = found(rows, similarity=0.9)["near_duplicate"]
    assert 0 < result.count <= 20_000
    assert result.details["more_not_compared"] == 1


def test_a_family_of_near_duplicates_comes_down_to_one_row():
    family = [
        row(
            f"f{i}",
            f"Name the longest river of the continent that lies south of Europe and west of Asia{'!' * (i % 3)} {i}",
            "x",
        )
        for i in range(60)
    ]
    rows = [*plain(40), *family]
    assert list(check_rows(lambda: rows, CheckOptions()).positions["near_duplicate"]) == list(range(41, 100))
