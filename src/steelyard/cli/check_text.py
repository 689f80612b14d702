"""What a check, a profile and a difference of data sets look like in a terminal, in English and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steelyard.flow.reports.plain import one_line, padded, shortened, table_text

if TYPE_CHECKING:
    from steelyard.flow.rows.doctor.difference import Difference
    from steelyard.flow.rows.doctor.findings import Checkup, Finding
    from steelyard.flow.rows.doctor.profile import Profile

FINDINGS: dict[str, tuple[str, str]] = {
    "unreadable_row": (
        "{n} rows of the file cannot be used; mend them, or import with --drop-bad",
        "文件中有 {n} 行无法使用;请修正,或导入时加 --drop-bad",
    ),
    "empty_input": ("{n} rows ask nothing", "{n} 行的输入为空"),
    "contradicting_references": (
        "{n} rows ask what another row asks, but expect something else; decide which is right",
        "{n} 行与其他行问题相同但参考答案不同;请判断哪个正确",
    ),
    "mojibake": (
        "{n} rows were decoded with the wrong encoding; export the file again as UTF-8",
        "{n} 行出现乱码;请将源文件重新导出为 UTF-8",
    ),
    "replacement_character": (
        "{n} rows hold U+FFFD: characters were lost before the import",
        "{n} 行含有替换字符 U+FFFD:导入前已有字符丢失",
    ),
    "duplicate": (
        "{n} rows repeat an earlier row; `dataset clean` leaves them out",
        "{n} 行与前面的行完全重复;`dataset clean` 可去除",
    ),
    "near_duplicate": (
        "{n} pairs of rows ask nearly the same: their interval is narrower than it should be",
        "{n} 对数据行的问题近乎相同:会使置信区间偏窄",
    ),
    "empty_reference": (
        "{n} rows have no reference, others do: scorers that need one leave them unscored",
        "{n} 行没有参考答案而其他行有:需要参考答案的打分器将不给这些行打分",
    ),
    "leaked_reference": (
        "{n} rows hold their reference in the question; right for extraction, wrong otherwise",
        "{n} 行的问题中已包含参考答案;抽取类任务属正常,否则为泄题",
    ),
    "control_character": ("{n} rows hold control characters", "{n} 行含有控制字符"),
    "too_few_rows": (
        "only {n} rows: the 95% interval of an accuracy can be wider than 20 points",
        "仅有 {n} 行:准确率的 95% 置信区间宽度可能超过 20 个百分点",
    ),
    "unusual_length": ("{n} rows are much longer or shorter than the others", "{n} 行的长度明显异于其他行"),
    "mixed_width": (
        "{n} rows mix full-width and half-width letters or digits; literal scorers tell them apart",
        "{n} 行混用全角与半角字母或数字;逐字匹配的打分器会视为不同",
    ),
    "label_imbalance": (
        "{n} labels, unevenly spread: always answering one of them scores high",
        "{n} 个标签分布不均:始终回答同一标签也会得高分",
    ),
    "no_references": (
        "none of {n} rows has a reference: only scorers without one can be used",
        "{n} 行均无参考答案:只能使用不需要参考答案的打分器",
    ),
}

WORDS: dict[str, tuple[str, str]] = {
    "healthy": ("{n} rows: nothing found", "{n} 行:未发现问题"),
    "checked": ("{n} rows, {findings} findings", "{n} 行,{findings} 类问题"),
    "error": ("error", "错误"),
    "warning": ("warning", "警告"),
    "info": ("note", "提示"),
    "rows_shown": ("rows", "数据行"),
    "more": ("and {n} more", "另有 {n} 行"),
    "cut": ("more pairs are likely, they were not compared", "可能还有更多相似对,未作比较"),
    "rows": ("rows", "数据行"),
    "turns": ("turns", "轮次"),
    "multi_turn": ("multi-turn", "多轮对话"),
    "with_system": ("with system text", "含系统提示词"),
    "with_references": ("with references", "含参考答案"),
    "with_answers": ("with answers", "含已有回答"),
    "repeated": ("repeated questions", "重复问题"),
    "languages": ("languages", "语言"),
    "input_tokens": ("input tokens (estimate)", "输入 Token(估算)"),
    "categories": ("categories", "类别"),
    "other_categories": ("others", "其他"),
    "no_category": ("(none)", "(无)"),
    "characters": ("characters", "字符数"),
    "input": ("input", "输入"),
    "reference": ("reference", "参考答案"),
    "median": ("median", "中位数"),
    "mean": ("mean", "均值"),
    "zh": ("Chinese", "中文"),
    "en": ("English", "英文"),
    "mixed": ("mixed", "混合"),
    "other": ("other", "其他"),
    "diff": ("{before} rows -> {after} rows", "{before} 行 -> {after} 行"),
    "same": ("same", "相同"),
    "added": ("added", "新增"),
    "removed": ("removed", "删除"),
    "changed": ("changed", "修改"),
    "reordered": ("shared rows stand in another order", "共有数据行的顺序不同"),
    "cleaned": (
        "{version}: {rows} rows, {dropped} left out ({name})",
        "{version}:{rows} 行,去除 {dropped} 行({name})",
    ),
    "made": ("{version}: {rows} rows ({name})", "{version}:{rows} 行({name})"),
}


def say(lang: str, key: str, /, **values: object) -> str:
    """Returns a word or sentence in the person's language."""
    english, chinese = (FINDINGS if key in FINDINGS else WORDS)[key]
    return (chinese if lang == "zh" else english).format(**values)


def checkup_text(checkup: Checkup, lang: str) -> str:
    """Returns a check-up, one paragraph a finding, worst first."""
    if not checkup.findings:
        return say(lang, "healthy", n=checkup.rows)
    lines = [say(lang, "checked", n=checkup.rows, findings=len(checkup.findings))]
    for finding in checkup.findings:
        lines += ["", *_finding_lines(finding, lang)]
    return "\n".join(lines)


def _finding_lines(finding: Finding, lang: str) -> list[str]:
    lines = [f"{say(lang, finding.severity)} {finding.code}: {say(lang, finding.code, n=finding.count)}"]
    lines += [f"  {one_line(example)}" for example in finding.examples]
    if finding.pairs:
        lines += [f"  {p.similarity:.2f}  {one_line(p.earlier)}  {one_line(p.later)}" for p in finding.pairs]
        if finding.details.get("more_not_compared"):
            lines.append("  " + say(lang, "cut"))
    elif finding.row_ids:
        more = finding.count - len(finding.row_ids)
        ids = [*map(one_line, finding.row_ids), *([say(lang, "more", n=more)] if more > 0 else [])]
        lines.append(f"  {say(lang, 'rows_shown')}: {', '.join(ids)}")
    labels = finding.details.get("labels")
    if isinstance(labels, dict):
        lines += [f"  {count:>8}  {shortened(one_line(label), 60)}" for label, count in list(labels.items())[:10]]
    elif finding.code == "unusual_length":
        lines.append("  " + ", ".join(f"{name}={value}" for name, value in finding.details.items()))
    return lines


def profile_text(profile: Profile, lang: str) -> str:
    """Returns the figures of a data set."""
    plain = {
        name: getattr(profile, name)
        for name in ("rows", "turns", "multi_turn", "with_system", "with_references", "with_answers", "repeated")
    }
    languages = " · ".join(f"{say(lang, name)} {n / profile.rows:.1%}" for name, n in profile.languages.items())
    facts: list[tuple[str, str]] = [(say(lang, name), f"{value:,}") for name, value in plain.items()]
    facts.append((say(lang, "input_tokens"), f"~{profile.input_tokens_estimate:,}"))
    facts.append((say(lang, "languages"), languages))
    lines = [f"{padded(name, 26)}{value}" for name, value in facts]
    lengths = [("input", profile.input_characters), ("reference", profile.reference_characters)]
    head = [say(lang, "characters"), "min", "p25", say(lang, "median"), "p75", "p95", "p99", "max", say(lang, "mean")]
    rows = [[say(lang, name), *_numbers(found)] for name, found in lengths if found is not None]
    lines += ["", *table_text(head, rows)]
    if set(profile.categories) != {""}:
        named = [
            [shortened(one_line(c), 40) or say(lang, "no_category"), f"{n:,}"] for c, n in profile.categories.items()
        ]
        if profile.other_categories:
            named.append([say(lang, "other_categories"), f"{profile.other_categories:,}"])
        lines += ["", *table_text([say(lang, "categories"), say(lang, "rows")], named)]
    return "\n".join(lines)


def _numbers(lengths: Any) -> list[str]:
    return [f"{getattr(lengths, name):g}" for name in ("min", "p25", "median", "p75", "p95", "p99", "max", "mean")]


def difference_text(found: Difference, lang: str) -> str:
    """Returns counts and the first rows of each kind."""
    lines = [say(lang, "diff", before=found.rows_before, after=found.rows_after)]
    lines.append(f"{say(lang, 'same')} {found.same}")
    named = {
        "added": (found.added, [f"+ {one_line(i)}" for i in found.added_ids]),
        "removed": (found.removed, [f"- {one_line(i)}" for i in found.removed_ids]),
        "changed": (found.changed, [f"~ {one_line(c.row_id)}  {', '.join(c.fields)}" for c in found.changes]),
    }
    for kind, (count, rows) in named.items():
        lines.append(f"{say(lang, kind)} {count}")
        lines += [f"  {row}" for row in rows]
        if count > len(rows):
            lines.append(f"  {say(lang, 'more', n=count - len(rows))}")
    if found.reordered:
        lines.append(say(lang, "reordered"))
    return "\n".join(lines)
