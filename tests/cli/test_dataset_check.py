"""`dataset check`, `profile`, `diff`, `clean`, `split`, `sample` as a person meets them: files and versions, text and JSON, both languages."""

import json

import pytest
from tests.support.command import steelyard, sums, write_rows

from steelyard.cli.check_text import FINDINGS, WORDS
from steelyard.flow.rows.doctor.findings import SEVERITIES

TOPICS = ["harbour", "glacier", "orchard", "compass", "lantern", "meadow", "violin", "saffron", "pebble", "thunder"]


def rows_with_faults():
    """120 rows: one duplicate, one contradiction, one near duplicate, one mojibake, one without its reference."""
    rows = [
        {
            "id": f"q{i}",
            "input": f"{TOPICS[i % 10]} {i * 7919} {TOPICS[i // 10 % 10]} {i * i} {TOPICS[i * 3 % 10]}?",
            "reference": f"value {i}",
            "category": "even" if i % 2 == 0 else "odd",
        }
        for i in range(114)
    ]
    long = "Which river crosses the largest number of countries on its way to the sea"
    return [
        *rows,
        {"id": "dup", "input": rows[3]["input"], "reference": rows[3]["reference"], "category": "odd"},
        {"id": "contrary", "input": rows[5]["input"], "reference": "another", "category": "odd"},
        {"id": "near-1", "input": long + "?", "reference": "Danube", "category": "odd"},
        {"id": "near-2", "input": long + "!", "reference": "the Danube", "category": "odd"},
        {"id": "coded", "input": "Who wrote cafÃ© society in the roaring years of old?", "reference": "m", "category": "odd"},
        {"id": "bare", "input": "What is asked here without any reference to compare?", "reference": "", "category": "odd"},
    ]  # fmt: skip


@pytest.fixture
def file(tmp_path):
    return write_rows(tmp_path / "faulty.jsonl", rows_with_faults())


@pytest.fixture
def version(file, data_dir):
    return steelyard("dataset", "add", file, "--data-dir", data_dir).out.split(":")[0]


def findings(said):
    return {f["code"]: f for f in json.loads(said.out)["findings"]}


def ids(version, data_dir):
    """Row ids of a version, through the command that shows it."""
    said = steelyard("dataset", "show", version, "--rows", 500, "--data-dir", data_dir)
    assert said.status == 0, said.err
    decoder, shown, at = json.JSONDecoder(), [], 0
    while at < len(said.out.rstrip()):
        value, at = decoder.raw_decode(said.out, at)
        shown.append(value)
        at += len(said.out[at:]) - len(said.out[at:].lstrip())
    return [value["id"] for value in shown[1:]]


def manifest(version, data_dir):
    return json.JSONDecoder().raw_decode(
        steelyard("dataset", "show", version, "--rows", 0, "--data-dir", data_dir).out
    )[0]


def test_a_check_of_a_file_finds_what_is_wrong_and_keeps_nothing(file, data_dir):
    said = steelyard("dataset", "check", file, "--json", "--data-dir", data_dir)
    assert (said.status, said.err) == (0, "")
    result = findings(said)
    assert result["duplicate"]["row_ids"] == ["dup"]
    assert result["contradicting_references"]["row_ids"] == ["q5", "contrary"]
    assert [(p["earlier"], p["later"]) for p in result["near_duplicate"]["pairs"]] == [("near-1", "near-2")]
    assert result["mojibake"]["row_ids"] == ["coded"]
    assert result["empty_reference"]["row_ids"] == ["bare"]
    assert not data_dir.exists()


def test_a_check_of_a_version_says_the_same_as_that_of_its_file(file, version, data_dir):
    by_file = steelyard("dataset", "check", file, "--json", "--data-dir", data_dir)
    by_version = steelyard("dataset", "check", version, "--json", "--data-dir", data_dir)
    assert by_version.out == by_file.out


def test_strict_turns_errors_and_warnings_into_exit_status_1(file, tmp_path):
    assert steelyard("dataset", "check", file, "--strict").status == 1
    sound = write_rows(tmp_path / "sound.jsonl", rows_with_faults()[:110])
    said = steelyard("dataset", "check", sound, "--strict")
    assert (said.status, said.out) == (0, "110 rows: nothing found\n")


def test_lines_that_cannot_be_rows_are_findings_with_their_place(tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"input": "a", "reference": "b"}\n{"input": "a",\n', "utf-8")
    result = findings(steelyard("dataset", "check", file, "--json"))
    assert result["unreadable_row"]["count"] == 1
    assert "bad.jsonl:2: " in result["unreadable_row"]["examples"][0]


@pytest.mark.parametrize(("lang", "word"), [("en", "repeat an earlier row"), ("zh", "完全重复")])
def test_findings_are_told_in_both_languages(file, lang, word):
    said = steelyard("dataset", "check", file, STEELYARD_LANG=lang)
    assert word in said.out
    assert "dup" in said.out
    for code in ("duplicate", "contradicting_references", "near_duplicate", "mojibake", "empty_reference"):
        assert code in said.out


def test_every_code_has_words_in_both_languages():
    assert set(FINDINGS) == set(SEVERITIES)
    for english, chinese in [*FINDINGS.values(), *WORDS.values()]:
        assert english.isascii()
        assert not chinese.isascii()


def test_a_cleaned_version_is_a_new_one_and_the_old_one_stays(version, data_dir):
    said = steelyard("dataset", "clean", version, "--json", "--data-dir", data_dir)
    made = json.loads(said.out)
    assert made["dropped"] == {"duplicate": 1}
    assert made["version"]["name"] == "faulty-clean"
    assert made["version"]["source"] == f"clean of {version}: dropped duplicate=1"
    all_ids = [row["id"] for row in rows_with_faults()]
    assert ids(version, data_dir) == all_ids
    assert ids(made["version"]["id"], data_dir) == [i for i in all_ids if i != "dup"]
    assert made["version"]["id"] in steelyard("dataset", "list", "--data-dir", data_dir).out


def test_named_findings_are_left_out_too(file, data_dir):
    drop = [
        part
        for code in ("near_duplicate", "contradicting_references", "mojibake", "empty_reference")
        for part in ("--drop", code)
    ]
    said = steelyard("dataset", "clean", file, *drop, "--json", "--data-dir", data_dir)
    made = json.loads(said.out)
    gone = {"dup", "contrary", "q5", "near-2", "coded", "bare"}
    assert set(ids(made["version"]["id"], data_dir)) == {row["id"] for row in rows_with_faults()} - gone
    again = steelyard("dataset", "check", made["version"]["id"], "--json", "--data-dir", data_dir)
    assert not set(findings(again)) & {"duplicate", *drop}


def test_a_clean_version_cleaned_is_itself(tmp_path, data_dir):
    file = write_rows(tmp_path / "sound.jsonl", sums(120))
    version = steelyard("dataset", "add", file, "--data-dir", data_dir).out.split(":")[0]
    made = json.loads(steelyard("dataset", "clean", version, "--json", "--data-dir", data_dir).out)
    assert (made["version"]["id"], made["rows_dropped"]) == (version, 0)


def test_parts_of_a_split_share_the_rows_out(version, data_dir):
    said = steelyard("dataset", "split", version, "--parts", "0.8,0.2", "--seed", 1, "--json", "--data-dir", data_dir)
    parts = json.loads(said.out)["versions"]
    assert [p["row_count"] for p in parts] == [96, 24]
    assert parts[1]["name"] == "faulty-part-2-of-2"
    assert parts[1]["source"] == f"part 2 of {version}: parts=0.8,0.2 seed=1"
    held = [ids(p["id"], data_dir) for p in parts]
    assert sorted(held[0] + held[1]) == sorted(row["id"] for row in rows_with_faults())
    again = steelyard("dataset", "split", version, "--parts", "0.8,0.2", "--seed", 1, "--json", "--data-dir", data_dir)
    assert again.out == said.out
    other = steelyard("dataset", "split", version, "--parts", "0.8,0.2", "--seed", 2, "--json", "--data-dir", data_dir)
    assert json.loads(other.out)["versions"][0]["id"] != parts[0]["id"]


def test_a_sample_holds_rows_of_the_category_and_says_where_it_is_from(version, data_dir):
    said = steelyard(
        "dataset", "sample", version, "--n", 20, "--seed", 3, "--where", "category=even", "--json", "--data-dir", data_dir
    )  # fmt: skip
    (made,) = json.loads(said.out)["versions"]
    drawn = ids(made["id"], data_dir)
    assert len(drawn) == len(set(drawn)) == 20
    assert all(int(i.removeprefix("q")) % 2 == 0 for i in drawn)
    assert manifest(made["id"], data_dir)["source"] == f"sample of {version}: n=20 seed=3 category=even"


def test_a_difference_names_added_removed_and_changed_rows(tmp_path):
    rows = sums(30)
    after = [*rows[1:], {"id": "new", "input": "What is new?", "reference": "this"}]
    after[4] = {**after[4], "reference": "0", "note": "n"}
    old, new = write_rows(tmp_path / "old.jsonl", rows), write_rows(tmp_path / "new.jsonl", after)
    result = json.loads(steelyard("dataset", "diff", old, new, "--json").out)
    assert (result["added_ids"], result["removed_ids"]) == (["new"], ["r0"])
    assert result["changes"] == [{"row_id": "r5", "fields": ["reference", "columns"]}]
    assert (result["same"], result["reordered"]) == (28, False)
    text = steelyard("dataset", "diff", old, new).out
    assert {"+ new", "- r0", "~ r5  reference, columns"} <= {line.strip() for line in text.splitlines()}


@pytest.mark.parametrize(("lang", "word"), [("en", "input tokens (estimate)"), ("zh", "估算")])
def test_a_profile_is_told_in_both_languages(file, lang, word):
    said = steelyard("dataset", "profile", file, STEELYARD_LANG=lang)
    assert said.status == 0
    assert word in said.out
    assert json.loads(steelyard("dataset", "profile", file, "--json").out)["categories"] == {"odd": 63, "even": 57}


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("check", "no-such.jsonl"), "no-such.jsonl"),
        (("check", "ds-0000000000"), "ds-0000000000"),
        (("check", "FILE", "--similarity", "0"), "similarity"),
        (("check", "FILE", "--column", "nope"), "nope"),
        (("check", "FILE", "--kind", "nope"), "--kind"),
        (("clean", "FILE", "--drop", "too_few_rows"), "too_few_rows"),
        (("split", "FILE", "--parts", "half,half"), "--parts"),
        (("split", "FILE", "--parts", "0.5,0.6"), "parts"),
        (("split", "FILE", "--parts", "0.999,0.001"), "empty"),
        (("sample", "FILE", "--n", "500"), "120"),
        (("sample", "FILE", "--n", "5", "--where", "colour=red"), "colour"),
        (("sample", "FILE", "--n", "5", "--where", "colour"), "--where"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(file, data_dir, args, word):
    said = steelyard("dataset", *(file if a == "FILE" else a for a in args), "--data-dir", data_dir)
    assert (said.status, said.out, len(said.errors), len(said.err.splitlines())) == (2, "", 1, 1), said.err
    assert word in said.err
    assert steelyard("dataset", "list", "--data-dir", data_dir).out == ""


def test_a_version_without_any_row_left_is_refused(tmp_path, data_dir):
    file = write_rows(tmp_path / "r.jsonl", [{"input": "a?", "reference": "b"}, {"input": "a?", "reference": "c"}])
    said = steelyard("dataset", "clean", file, "--drop", "contradicting_references", "--data-dir", data_dir)
    assert said.status == 2
    assert "nothing_left" in said.err
