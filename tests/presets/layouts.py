"""Small files in the layouts that the benchmarks' authors gave them. The questions are this repository's own."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def table(path: Path, rows: Iterable[Iterable[Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def pear(i: int) -> dict[str, str]:
    return {
        "question": f"Ann has {i} pears and buys {i} more. How many has she?",
        "answer": f"She has {i}+{i}=<<{i}+{i}={2 * i}>>{2 * i} pears, in {{braces}}.\n#### {2 * i:,}",
    }


def gsm8k(folder: Path, rows: int = 6, shots: int = 7) -> Path:
    jsonl(folder / "test.jsonl", (pear(i + 600) for i in range(rows)))
    jsonl(folder / "train.jsonl", (pear(i) for i in range(shots)))
    return folder


def ceval_rows(split: str, count: int, answers: str = "ABCD") -> list[list[str]]:
    more = ["explanation"] if split == "dev" else []
    head = ["id", "question", "A", "B", "C", "D", "answer", *more]
    body = [
        [str(i), f"{split}第{i}题：{i}加一等于____。", f"{i}", f"{i + 1}", "“以上, 都不对”", "无法\n确定", answers[i % len(answers)]]
        + ["因为"] * len(more)
        for i in range(count)
    ]  # fmt: skip
    return [head, *body]


def ceval(folder: Path, subject: str = "law", answers: str = "ABCD") -> Path:
    table(folder / "val" / f"{subject}_val.csv", ceval_rows("val", 8, answers))
    table(folder / "dev" / f"{subject}_dev.csv", ceval_rows("dev", 5))
    return folder


def mmlu_csv(folder: Path, subject: str) -> Path:
    rows = [[f"What is {i}+1?", i, i + 1, "None", "N/A", "B"] for i in range(6)]
    table(folder / "data/test" / f"{subject}_test.csv", rows)
    table(folder / "data/dev" / f"{subject}_dev.csv", rows[:5])
    return folder


def mmlu_parquet(folder: Path, subject: str) -> Path:
    rows = [
        {"question": f"What is {i}+1?", "subject": subject, "choices": [str(i), str(i + 1), "None", "N/A"], "answer": 1}
        for i in range(6)
    ]
    parquet(folder / subject / "test-00000-of-00001.parquet", rows)
    parquet(folder / subject / "dev-00000-of-00001.parquet", rows[:5])
    return folder


def cmmlu(folder: Path, subject: str) -> Path:
    for split, count in (("test", 4), ("dev", 5)):
        rows = [[i, f"{split}问题{i}", "甲", "乙", "丙", "丁", "C"] for i in range(count)]
        table(folder / split / f"{subject}.csv", [["", "Question", "A", "B", "C", "D", "Answer"], *rows])
    return folder
