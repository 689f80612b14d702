"""A report says why requests failed, what was not asked, and how much each number rests on."""

from __future__ import annotations

import csv
import html
import io
import re

import msgspec
import numpy as np
import openpyxl
import pytest
from made_up_reports import cut_short_report, make_column, make_evaluation, make_unit

from steelyard.adapters.formats.report_xlsx import write_report_xlsx
from steelyard.flow.reports.build import build_report
from steelyard.flow.reports.render_csv import render_csv
from steelyard.flow.reports.render_html import render_html
from steelyard.flow.reports.render_json import render_json
from steelyard.flow.reports.render_markdown import render_markdown
from steelyard.flow.reports.render_text import render_text

MESSAGE = "401 from http://x: bad <key> | gone"
ERROR = "error[endpoint_dead]: nothing answers"


def read_by_a_person(name, report=None):
    """Returns the English report as its reader sees it, without the marks of the format."""
    report = report or cut_short_report()
    if name == "text":
        return render_text(report, "en")
    if name == "html":
        return html.unescape(re.sub(r"<[^>]*>", "\n", render_html(report, "en").split("<body>")[1]))
    return html.unescape(re.sub(r"\\(.)", r"\1", render_markdown(report, "en")))


FOR_PEOPLE = pytest.mark.parametrize("name", ["text", "html", "md"])


@FOR_PEOPLE
def test_failures_are_told_with_their_messages_and_how_to_list_them(name):
    said = read_by_a_person(name)
    assert MESSAGE in said
    assert "too long" in said
    assert said.count("steelyard samples ame-7k2m9q4x1c --where failed=true") == 1
    quiet = make_unit("a", [make_column("exact", np.ones(40), "rate")], 40)
    assert "samples" not in read_by_a_person(name, build_report(make_evaluation([quiet]), [quiet], now=""))


@FOR_PEOPLE
def test_a_run_that_was_cut_short_says_so_before_any_number(name):
    said = read_by_a_person(name)
    first_number = said.index("0.750")
    for line in (ERROR, "The evaluation was stopped: by its user", "20 of 110 requests were not asked"):
        assert line in said[:first_number]
    whole = make_unit("a", [make_column("exact", np.ones(40), "rate")], 40)
    calm = read_by_a_person(name, build_report(make_evaluation([whole]), [whole], now=""))
    assert "not asked" not in calm
    assert "was stopped" not in calm


def test_programs_read_the_same():
    report = msgspec.json.decode(render_json(cut_short_report()))
    assert (report["error"], report["stop_reason"]) == (ERROR, "user")
    said = report["units"][0]["failure_messages"]["refused"]
    assert said == [{"message": MESSAGE, "count": 3}, {"message": "too long", "count": 1}]
    lines = list(csv.DictReader(io.StringIO(render_csv(cut_short_report()))))
    assert {(line["state"], line["error"], line["unasked"]) for line in lines} == {("stopped", ERROR, "10")}


def test_the_workbook_tells_them_too_and_rounds(tmp_path):
    write_report_xlsx(cut_short_report(), tmp_path / "r.xlsx", "en")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    summary = list(book["Summary"].values)
    assert [row[0] for row in summary[:3]] == [
        ERROR,
        "The evaluation was stopped: by its user",
        "20 of 110 requests were not asked",
    ]
    assert summary[3][0] == "object"
    assert dict(zip(summary[3], summary[4], strict=True))["p50 (ms)"] == 812
    failures = list(book["Failures"].values)
    assert failures[1][2:] == ("request refused (4xx)", 4, MESSAGE, 3)
    assert failures[2][2:] == ("request refused (4xx)", None, "too long", 1)
    assert sum(row[3] or 0 for row in failures[1:]) == 10


def test_no_row_of_a_pooled_metric_is_won_or_lost(tmp_path):
    def pool(rows):
        return float(rows[0][0] / rows[0][1]) if rows[0][1] else None

    generator = np.random.default_rng(3)
    units = [
        make_unit(name, [make_column("bleu4", values, parts=np.column_stack([values, np.ones(40)]), pool=pool)], 40)
        for name in "ab"
        if (values := generator.random(40)) is not None
    ]
    write_report_xlsx(build_report(make_evaluation(units), units, now=""), tmp_path / "r.xlsx", "en")
    head, *rows = openpyxl.load_workbook(tmp_path / "r.xlsx")["Paired differences"].values
    games = {row[0]: [row[head.index(name)] for name in ("wins", "ties", "losses")] for row in rows}
    assert games["BLEU-4 (corpus)"] == [None, None, None]
    assert sum(games["BLEU-4"]) == 40


@FOR_PEOPLE
def test_every_metric_says_its_own_n_and_coverage(name):
    said = read_by_a_person(name)
    assert "40 (100%)" in said
    assert "30 (75.0%)" in said
    assert "30-40" not in said
    assert "30–40" not in said


@FOR_PEOPLE
def test_a_note_names_the_metric_it_is_about(name):
    said = read_by_a_person(name)
    assert "ROUGE-L: over 5% of the rows have no score" in said
    assert "exact match: over" not in said
    assert "exact match, ROUGE-L: over" not in said


@pytest.mark.parametrize("name", ["text", "md"])
def test_every_category_says_its_n_interval_and_coverage(name):
    said = read_by_a_person(name)
    assert re.search(r"甲.*0\.750 \[0\.\d\d, 0\.\d\d\] n=20 ", said)
    assert re.search(r"甲.*\[0\.\d\d, 0\.\d\d\] n=15 \(75\.0%\)", said)


@FOR_PEOPLE
def test_every_signature_is_named(name):
    said = read_by_a_person(name)
    assert "exact|v1" in said
    assert "rouge_l|v1" in said


@FOR_PEOPLE
def test_more_requests_than_rows_are_explained(name):
    assert said_once(read_by_a_person(name), "55 requests: 40 rows, dialogues ask once a turn")
    unit = make_unit("a", [make_column("exact", np.ones(40), "rate")], 40, expected=120, answered=120)
    evaluation = make_evaluation([unit])
    evaluation.spec = msgspec.structs.replace(evaluation.spec, repeats=3)
    thrice = read_by_a_person(name, build_report(evaluation, [unit], now=""))
    assert said_once(thrice, "120 requests: 40 rows, each asked 3 times")
    assert "dialogues" not in thrice


def said_once(text, line):
    return text.count(line) == 1


def test_html_says_every_difference_and_times_with_their_zone(report):
    page = render_html(report, "en")
    said = sum(len(re.findall("<li>|<li class=", part)) for part in re.findall(r'<ul class="words">(.*?)</ul>', page))
    assert said == len(report.comparisons)
    assert "2024-07-18 08:12:30 UTC" in page
    assert "2024-07-18 08:00:00 UTC" in page


@pytest.mark.parametrize(
    ("builtins", "hidden"), [({"c": "echo"}, True), ({"a": "echo", "b": "echo"}, False), ({}, False)]
)
def test_html_speaks_of_floors_in_tables_only_where_a_chart_leaves_some_out(builtins, hidden):
    labels = "abc" if hidden else "ab"
    units = [
        make_unit(name, [make_column("exact", np.arange(40) % 3 == i, "rate")], 40) for i, name in enumerate(labels)
    ]
    page = render_html(build_report(make_evaluation(units, builtin=builtins), units, now=""), "en")
    assert ("Pairs with a floor are in the tables only" in page) is hidden


def test_a_line_of_the_csv_is_a_record():
    columns = [make_column("a\nb", [1.0, 0.5])]
    unit = make_unit("x\ny\u2028z", columns, 2, dataset="d\r\ne", category=["p\nq", None])
    text = render_csv(build_report(make_evaluation([unit], error="one\ntwo"), [unit], now=""))
    assert len(text.splitlines()) == len(list(csv.reader(io.StringIO(text)))) == 4
