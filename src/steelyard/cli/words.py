"""The command line's own sentences, in English and Chinese. Codes and JSON are never translated."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "evaluation": (
        "evaluation {id}: {rows} rows x {objects} objects = {total} requests",
        "评测任务 {id}:{rows} 行 x {objects} 个对象 = {total} 个请求",
    ),
    "resuming": (
        "evaluation {id} goes on: {done} of {total} requests are recorded already",
        "评测任务 {id} 继续：{total} 个请求中已记录 {done} 个",
    ),
    "finished": (
        "evaluation {id} is finished already; this is its report (--fresh starts anew)",
        "评测任务 {id} 已完成，以下为其报告(--fresh 可重新开始)",
    ),
    "renamed": (
        "evaluation {id} was called '{old}' and is '{new}' from now on: the name is not part of the plan's identity",
        "评测任务 {id} 原名“{old}”,现更名为“{new}”:名称不属于计划的同一性",
    ),
    "retry_hint": ("{n} requests failed; --retry-failed asks them again", "{n} 个请求失败；--retry-failed 可重新请求"),
    "rows_dropped": ("{n} bad rows were dropped", "已丢弃 {n} 个错误数据行"),
    "warning": ("warning: {text}", "警告：{text}"),
    "look": (
        "where to look:\n  steelyard report {id} --format html --out report.html{dir}   charts in one file\n  steelyard samples {id}{dir}   every prompt, answer and score\n  {folder}   answers and scores as they are kept",
        "在哪里查看:\n  steelyard report {id} --format html --out report.html{dir}   单文件图表报告\n  steelyard samples {id}{dir}   逐行查看提示词、回答与得分\n  {folder}   保存的回答与得分",
    ),
    "progress": (
        "{label}: {done}/{total} answered {answered} failed {failed} · {rate}/s · ETA {eta} · {tokens} tokens",
        "{label}:{done}/{total} 已回答 {answered} 失败 {failed} · {rate}/秒 · 剩余 {eta} · {tokens} tokens",
    ),
    "stalled": (
        "{label}: no answer for {seconds} s from {endpoint}{trouble}",
        "{label}:{endpoint} 已 {seconds} 秒没有返回回答{trouble}",
    ),
    "interrupted": (
        "stopped; everything recorded is kept, run the same plan again to go on",
        "已停止；已记录的结果均已保存，再次运行同一计划即可继续",
    ),
    "gate_missed": (
        "gate missed: {metric} of {label} is {value}, under {limit}",
        "未达门槛：{label} 的 {metric} 为 {value}，低于 {limit}",
    ),
    "gate_no_value": ("gate missed: {metric} of {label} has no value", "未达门槛：{label} 的 {metric} 没有值"),
    "gate_unknown": ("gate missed: no object has a value for {metric}", "未达门槛：没有对象具有指标 {metric}"),
    "demo_baselines": (
        "Demo 1 of 2: the three built-in baselines as models. They are floors, not language models: a real model should beat them.",
        "演示 1/2:三个内置基线作为模型。它们是对照下限，不是语言模型：真正的模型应当胜过它们。",
    ),
    "demo_answers": (
        "Demo 2 of 2: two bundled result sets (answers that exist already) against each other.",
        "演示 2/2:两个内置推理结果集(已有的回答)相互比较。",
    ),
    "serving": ("Steelyard listens on {url} (data in {dir})", "杆秤正在监听 {url}(数据目录 {dir})"),
    "key_once": ("{kind} for user root, shown this once: {key}", "root 用户的{kind}，仅显示这一次：{key}"),
    "imported": (
        "{version}: {rows} rows, {rejected} rejected ({name})",
        "{version}:{rows} 行，拒绝 {rejected} 行({name})",
    ),
    "exported": ("{rows} rows written to {files}", "已将 {rows} 行写入 {files}"),
    "errors_out": ("{n} bad rows are listed in {file}", "{n} 个错误数据行已列入 {file}"),
    "preview_roles": ("what the columns are taken for:", "各列的含义:"),
    "preview_column": ("a column of its own", "其他列"),
    "preview_rows": ("the first rows:", "前几行:"),
    "preview_problems": (
        "bad rows among the first {n} records: {count}",
        "前 {n} 条记录中的错误数据行:{count}",
    ),
    "preview_hint": (
        "another meaning: --mapping reference=COLUMN",
        "如需更改含义:--mapping reference=列名",
    ),
}


def say(lang: str, key: str, /, **values: object) -> str:
    """Returns a sentence in the person's language."""
    english, chinese = WORDS[key]
    return (chinese if lang == "zh" else english).format(**values)
