"""What people and programs read."""

from __future__ import annotations

import csv
import io
import json
import re
import string
from html.parser import HTMLParser

import msgspec
import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from made_up_reports import CATEGORIES, make_column, make_evaluation, make_unit

from steelyard.adapters.formats.report_xlsx import write_report_xlsx
from steelyard.domain.answer import FailureReason
from steelyard.domain.evaluation import State
from steelyard.domain.metric import PairedDifference
from steelyard.domain.report import Report
from steelyard.domain.score import ScorerSpec
from steelyard.flow.reports import words
from steelyard.flow.reports.build import build_report
from steelyard.flow.reports.charts import axis, nice_step
from steelyard.flow.reports.numbers import milliseconds_text, sentence, share_text
from steelyard.flow.reports.plain import padded, shortened, table_text, width
from steelyard.flow.reports.render_csv import render_csv
from steelyard.flow.reports.render_html import render_html
from steelyard.flow.reports.render_json import render_json
from steelyard.flow.reports.render_markdown import render_markdown
from steelyard.flow.reports.render_text import render_text
from steelyard.flow.scores.registry import SCORERS, build_scorer

LANGS = ["zh", "en"]
EVIL = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m|`*\n=cmd()"


class Page(HTMLParser):
    """Collects tags and checks that they close."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def evil_report():
    columns = [make_column("=evil|\"<b>'", [0.5, 0.1, 0.2]), make_column("exact", [1, 0, 1], "rate", flags={"<i>": 1})]
    units = [
        make_unit(label, columns, 3, dataset=EVIL, category=[EVIL, None, "b"], failures={"<u>": 1}, failed=1, notes=["<q>"],
                  price_input_per_1m="1", price_output_per_1m="1", currency="<s>", latency_ms=np.ones(3, np.float32),
                  examples=[{"row_id": EVIL, "prompt": EVIL, "answer": EVIL, "reference": None, "scores": {EVIL: 0.5}}])
        for label in (EVIL, "=HYPERLINK(1)")
    ]  # fmt: skip
    return build_report(make_evaluation(units, name=EVIL), units, now="2024-01-01T00:00:00Z")


def empty_report():
    units = [make_unit("a", [], 0), make_unit("b", [make_column("exact", [1.0], "rate", [False])], 1)]
    return build_report(make_evaluation(units), units, now="")


@pytest.mark.parametrize("lang", LANGS)
def test_html_is_whole_self_contained_and_labelled(report, lang):
    text = render_html(report, lang)
    page = Page(text)
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert not re.search(r"https?://|url\(|@import", text)
    charts = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(charts) == 9
    assert all(one["role"] == "img" and one["aria-label"] for one in charts)
    assert ("html", {"lang": "zh-CN" if lang == "zh" else "en"}) in page.tags
    for shown in (*CATEGORIES, *(unit.label for unit in report.units), "0.901", "[0.87, 0.93]"):
        assert shown in page.text
    assert tags.count("details") == 8 + 5
    assert '<span class="i">[0.87, 0.93]</span>' in text


@pytest.mark.parametrize("lang", LANGS)
def test_nothing_of_the_report_becomes_markup(lang):
    text = render_html(evil_report(), lang)
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "p", "h1", "h2", "h3", "h4", "dl", "div", "dt", "dd", "span",
        "section", "table", "thead", "tbody", "tr", "th", "td", "figure", "svg", "line", "text", "circle", "rect", "details", "summary",
        "small", "ul", "li", "b", "code", "footer",
    }  # fmt: skip
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert text.count("<b>") == len(re.findall(r"<li><b>", text))


@pytest.mark.parametrize("lang", LANGS)
def test_text_names_cannot_steer_the_terminal_and_lines_fit(report, lang):
    assert "\x1b" not in render_text(evil_report(), lang)
    text = render_text(report, lang)
    tables = [line for line in text.splitlines() if "─" in line]
    assert tables
    assert all(width(line) <= 100 for line in tables)
    assert "0.901 [0.87, 0.93]" in text
    assert {"zh": "未证明有差异", "en": "no difference shown"}[lang] in text


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("render", [render_text, render_html, render_markdown, render_csv, render_json])
def test_reports_without_any_score_are_rendered(render, lang):
    assert render(empty_report(), lang)
    assert "nan" not in render(empty_report(), lang).lower().replace("nance", "")


def test_json_is_exact_and_the_same_in_every_language(report):
    assert msgspec.json.decode(render_json(report, "zh"), type=Report) == report
    assert render_json(report, "zh") == render_json(report, "en")
    assert json.loads(render_json(report))["units"][0]["metrics"][0]["interval"]


def test_csv_has_a_line_a_metric_and_slice_and_no_formula(report):
    lines = list(csv.DictReader(io.StringIO(render_csv(report))))
    assert len(lines) == sum(len(u.metrics) + sum(len(s.metrics) for s in u.slices) for u in report.units)
    assert float(lines[0]["value"]) == report.units[0].metrics[0].value
    cells = [cell for line in csv.reader(io.StringIO(render_csv(evil_report()))) for cell in line]
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
    assert "'=HYPERLINK(1)" in cells


@pytest.mark.parametrize("lang", LANGS)
def test_workbook_holds_numbers_and_no_formula(report, lang, tmp_path):
    write_report_xlsx(report, tmp_path / "r.xlsx", lang)
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames == [
        words.label(key, lang) for key in ("summary", "metrics", "comparisons", "categories", "failures")
    ]
    metrics = list(book[words.label("metrics", lang)].values)
    assert len(metrics) == 1 + sum(len(unit.metrics) for unit in report.units)
    assert metrics[1][3] == pytest.approx(report.units[0].metrics[0].value)
    write_report_xlsx(evil_report(), tmp_path / "e.xlsx", lang)
    evil = openpyxl.load_workbook(tmp_path / "e.xlsx")
    cells = [cell for sheet in evil for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    risky = [cell for cell in cells if isinstance(cell.value, str) and cell.value.startswith("=")]
    assert risky
    assert all(cell.quotePrefix for cell in risky)


def test_markdown_tables_keep_their_columns():
    for line in render_markdown(evil_report(), "en").splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            assert len(cells) > 3
            assert "<" not in line


def difference(value, p, interval=(-0.01, 0.05)):
    return PairedDifference("exact", "s", "甲", "乙", value, 90, interval, p, p, "t")


def test_sentences_name_the_winner_with_positive_points():
    assert (
        sentence(difference(0.042, 0.008, (0.011, 0.073)), "en")
        == "甲 beats 乙 by 4.2 points [1.1, 7.3], p=0.008 (Holm), n=90"
    )
    assert sentence(difference(-0.042, 0.0001, (-0.073, -0.011)), "en").startswith(
        "乙 beats 甲 by 4.2 points [1.1, 7.3], p<0.001"
    )
    assert sentence(difference(0.02, 0.05), "en").startswith(
        "no difference shown: 甲 minus 乙 is 2.0 points [-1.0, 5.0], p=0.050"
    )
    assert sentence(difference(-0.0001, 0.9), "zh").startswith("未证明有差异：甲 减 乙 为 0.0 个百分点")
    assert "no scored rows in common" in sentence(difference(None, None, None), "en")


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same_things():
    for table in words.TABLES.values():
        for key, (chinese, english) in table.items():
            assert chinese.strip(), key
            assert english.strip(), key
            assert fields(chinese) == fields(english), key
            assert not re.search(r"[\u4e00-\u9fff]", english), key


@pytest.mark.parametrize("table", ["label", "note", "failure", "flag", "state", "reason", "sentence"])
def test_chinese_is_chinese(table):
    for key, (chinese, _) in words.TABLES[table].items():
        assert re.search(r"[\u4e00-\u9fff]", chinese) or key in {"p50", "p90", "p99"}, key


def test_every_code_has_words():
    assert set(words.FAILURES) == {str(reason) for reason in FailureReason}
    assert set(words.STATES) == {str(state) for state in State}


def test_every_scorer_has_a_name():
    options = {"rouge": {"variant": "L"}, "regex": {"pattern": "x"}, "json_schema": {"schema": {}}}
    for name in SCORERS.names():
        assert build_scorer(ScorerSpec(name, options.get(name, {}))).metric in words.METRICS
    assert words.metric_name("bleu4_corpus", "en") == "BLEU-4 (corpus)"


def test_every_code_of_the_report_is_known(report):
    for unit in report.units:
        assert set(unit.notes) <= set(words.NOTES)
        assert {m.interval_reason for m in unit.metrics} <= set(words.METHODS)
    assert {one.method for one in report.comparisons} <= set(words.METHODS)


def test_widths_of_wide_and_combining_characters():
    assert [width(text) for text in ("abc", "中文", "ｱ", "é", "e\u0301", "一a", "", "…")] == [3, 4, 1, 1, 1, 3, 0, 1]
    assert shortened("中文字符", 5) == "中文…"
    assert shortened("中文字符", 8) == "中文字符"
    assert padded("中", 4) == "中  "
    assert padded("中", 4, right=True) == "  中"


@given(
    some.lists(
        some.lists(
            some.text(
                some.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp", "Zs", "Mn", "Me"]),
                min_size=1,
                max_size=9,
            ),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_columns_line_up_whatever_the_script(rows):
    lines = table_text(["a", "b", "c"], rows)
    assert {width(line) for line in lines[1:]} == {width(lines[1])}


@given(some.text(max_size=30), some.integers(1, 20))
def test_shortened_fits(text, most):
    assert width(shortened(text, most)) <= most


@given(some.floats(0, 1), some.floats(0, 1))
@settings(max_examples=200)
def test_axis_holds_its_interval(a, b):
    low, high = sorted((a, b))
    start, stop, step = axis(low, high, 0.0, 1.0)
    assert 0 <= start <= low + 1e-9
    assert high - 1e-9 <= stop <= 1
    assert stop > start
    assert step > 0


def test_small_formats():
    assert [share_text(x) for x in (1.0, 0.99999, 0.5, 0)] == ["100%", "99.9%", "50.0%", "0.0%"]
    assert [milliseconds_text(x) for x in (None, 3.21, 850, 999.6, 1240, 12_400)] == [
        "–",
        "3.2 ms",
        "850 ms",
        "1.00 s",
        "1.24 s",
        "12.4 s",
    ]
    assert [nice_step(x) for x in (0.013, 0.021, 1, 7)] == pytest.approx([0.02, 0.05, 1, 10])
