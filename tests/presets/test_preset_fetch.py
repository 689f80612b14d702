"""Data comes whole, checked and once; what cannot come is named, with the way out."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.presets import layouts
from tests.presets.reading import read_preset
from tests.presets.serving import running_hub
from tests.support.command import Said, steelyard

if TYPE_CHECKING:
    from pathlib import Path

GSM8K = "/datasets/openai/gsm8k/resolve/main/"
CEVAL = "/datasets/ceval/ceval-exam/resolve/main/"


def fetch(name: str, data: Path, *more: object) -> Said:
    return steelyard("preset", "fetch", name, "--data-dir", data, *more)


def packed(archive: Path, folder: Path, before: str = "") -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for file in sorted(folder.rglob("*.csv")):
            target.write(file, before + str(file.relative_to(folder)))
        target.writestr("../outside.csv", "x")
        target.writestr("__MACOSX/val/law_val.csv", "garbage")
    return archive


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_hub_gives_the_files_by_redirect_and_other_names(tmp_path: Path) -> None:
    layouts.gsm8k(tmp_path / "hub")
    with running_hub(GSM8K, tmp_path / "hub") as hub:
        said = fetch("gsm8k", tmp_path / "data", "--mirror", hub.address + "/")
    assert said.status == 0, said.err
    assert hub.asked == [
        "main/test-00000-of-00001.parquet",
        "test.jsonl",
        "main/train-00000-of-00001.parquet",
        "train.jsonl",
    ]
    digest = hashlib.sha256((tmp_path / "hub/test.jsonl").read_bytes()).hexdigest()
    assert f"test.jsonl\tfetched\tsha256 {digest}" in said.out
    rows, _ = read_preset("gsm8k", tmp_path / "data/presets/gsm8k")
    assert len(rows) == 6


def test_modelscope_is_asked_at_its_own_address(tmp_path: Path) -> None:
    layouts.gsm8k(tmp_path / "hub")
    with running_hub("/datasets/AI-ModelScope/gsm8k/resolve/master/", tmp_path / "hub") as hub:
        said = fetch("gsm8k", tmp_path / "data", "--source", "modelscope", "--mirror", hub.address)
    assert said.status == 0, said.err


def test_a_broken_fetch_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    layouts.gsm8k(tmp_path / "hub")
    with running_hub(GSM8K, tmp_path / "hub") as hub:
        hub.cut = {"train.jsonl"}
        broken = fetch("gsm8k", data, "--mirror", hub.address)
        assert broken.status == 2
        assert broken.errors[0].startswith("error[source_unreachable]")
        assert files_in(data / "presets") == ["gsm8k/test.jsonl"]
        hub.cut, hub.asked = set(), []
        mended = fetch("gsm8k", data, "--mirror", hub.address)
        assert mended.status == 0, mended.err
        assert "test.jsonl" not in hub.asked
        assert "test.jsonl\twas here" in mended.out
        hub.asked = []
        again = fetch("gsm8k", data, "--mirror", hub.address)
        assert (again.status, hub.asked) == (0, [])


@pytest.mark.parametrize(("status", "code"), [(500, "source_unreachable"), (429, "source_unreachable"), (403, "source_refused"), (401, "source_refused")])  # fmt: skip
def test_a_source_that_fails_is_named(tmp_path: Path, status: int, code: str) -> None:
    with running_hub(GSM8K, layouts.gsm8k(tmp_path / "hub")) as hub:
        hub.refuse = {"test.jsonl": status}
        said = fetch("gsm8k", tmp_path / "data", "--mirror", hub.address)
    assert said.status == 2
    assert said.errors[0].startswith(f"error[{code}]")
    assert hub.address in said.errors[0]
    assert "--from" in said.errors[0]


def test_nobody_there(tmp_path: Path) -> None:
    said = fetch("gsm8k", tmp_path / "data", "--mirror", "http://127.0.0.1:9")
    assert (said.status, len(said.errors)) == (2, 1)
    assert said.errors[0].startswith("error[source_unreachable]")
    assert files_in(tmp_path / "data") == []


@pytest.mark.parametrize(
    "more",
    [
        ("--mirror", "http://[bad"),
        ("--mirror", "ftp://hub"),
        ("--mirror", "http://a b"),
        ("--source", "modelscop"),
        ("--proxy", "no proxy"),
        ("--from", "/nonexistent"),
        ("--from", ".", "--mirror", "http://127.0.0.1:9"),
    ],
)
def test_options_that_cannot_be_used_are_named(tmp_path: Path, more: tuple[str, ...]) -> None:
    said = fetch("gsm8k", tmp_path / "data", *more)
    assert (said.status, len(said.errors)) == (2, 1), said.err
    assert more[0] in said.errors[0] or more[1] in said.errors[0]


@pytest.mark.parametrize("way", ["folder", "network"])
def test_an_archive_that_is_none_is_named(tmp_path: Path, way: str) -> None:
    source = tmp_path / "mine"
    source.mkdir()
    (source / "ceval-exam.zip").write_bytes(b"<html>sign in</html>")
    with running_hub(CEVAL, source) as hub:
        more = ("--from", source) if way == "folder" else ("--mirror", hub.address)
        said = fetch("ceval/law", tmp_path / "data", *more)
    assert (said.status, len(said.errors)) == (2, 1)
    assert "(ceval-exam.zip)" in said.errors[0]
    assert files_in(tmp_path / "data") == []


def test_an_archive_is_fetched_once_and_nothing_else_of_it_is_written(tmp_path: Path) -> None:
    for subject in ("law", "logic"):
        layouts.ceval(tmp_path / "plain", subject)
    packed(tmp_path / "hub/ceval-exam.zip", tmp_path / "plain", "ceval-exam/")
    with running_hub(CEVAL, tmp_path / "hub") as hub:
        said = fetch("ceval/law", tmp_path / "data", "--mirror", hub.address)
    assert said.status == 0, said.err
    assert hub.asked == ["ceval-exam.zip"]
    assert files_in(tmp_path / "data") == ["presets/ceval/dev/law_dev.csv", "presets/ceval/val/law_val.csv"]
    rows, problems = read_preset("ceval/law", tmp_path / "data/presets/ceval")
    assert (len(rows), problems) == (8, [])


def test_a_persons_own_archive_serves_as_well(tmp_path: Path) -> None:
    packed(tmp_path / "mine/ceval-exam.zip", layouts.ceval(tmp_path / "plain"))
    said = fetch("ceval/law", tmp_path / "data", "--from", tmp_path / "mine")
    assert said.status == 0, said.err
    assert len(said.out.splitlines()) == 3


def test_an_incomplete_copy_is_refused_by_the_name_of_what_is_missing(tmp_path: Path) -> None:
    layouts.gsm8k(tmp_path / "mine")
    (tmp_path / "mine/train.jsonl").unlink()
    said = fetch("gsm8k", tmp_path / "data", "--from", tmp_path / "mine")
    assert said.status == 2
    assert "train.jsonl" in said.errors[0]


def own_preset(data: Path, **more: Any) -> None:
    card = {
        "preset": 1, "name": "mine", "version": 1, "title": {"en": "Mine", "zh": "我的"}, "group": "reasoning", "languages": ["en"],
        "licence": "own", "source": {"url": "http://127.0.0.1:9/x"}, "files": {"test": ["test.jsonl"]},
        "fields": {"answer": "answer", "answer_after": "####"}, "prompt": {"user": "{question}"}, "scorers": ["numeric"], **more,
    }  # fmt: skip
    (data / "presets").mkdir(parents=True, exist_ok=True)
    (data / "presets/mine.yaml").write_text(yaml.safe_dump(card, allow_unicode=True), "utf-8")


@pytest.mark.parametrize("way", ["folder", "network"])
def test_a_file_that_is_not_the_pinned_one_is_not_kept(tmp_path: Path, way: str) -> None:
    data, source = tmp_path / "data", layouts.gsm8k(tmp_path / "mine")
    own_preset(data, sha256={"test.jsonl": "0" * 64})
    with running_hub("/x/", source) as hub:
        more = ("--from", source) if way == "folder" else ("--mirror", hub.address + "/x")
        said = fetch("mine", data, *more)
    assert said.status == 2
    assert said.errors[0].startswith("error[wrong_checksum]")
    assert files_in(data / "presets") == ["mine.yaml"]
    digest = hashlib.sha256((source / "test.jsonl").read_bytes()).hexdigest()
    own_preset(data, sha256={"test.jsonl": digest})
    assert fetch("mine", data, "--from", source).status == 0
    (data / "presets/mine/test.jsonl").write_text("{}\n", "utf-8")
    assert fetch("mine", data, "--from", source).errors[0].startswith("error[wrong_checksum]")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt": {"user": "no question"}}, "{question}"),
        ({"prompt": {"user": "{question} {color}"}}, "{color}"),
        ({"scorers": ["nonsense"]}, "nonsense"),
        ({"scorers": []}, "names no scorer"),
        ({"group": "sports"}, "sports"),
        ({"files": {"test": ["../../etc/passwd"]}}, "within the preset's folder"),
        ({"split": "dev"}, "dev"),
        ({"shots": {"count": 2, "split": "test"}}, "not evaluated"),
        ({"preset": 2}, "version 2"),
        ({"colour": "red"}, "colour"),
        ({"name": "other"}, "other"),
        ({"fields": {"answer": 3}}, "fields.answer"),
    ],
)
def test_a_wrong_card_names_its_field(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    own_preset(tmp_path, **change)
    said = steelyard("preset", "show", "mine", "--data-dir", tmp_path)
    assert (said.status, len(said.errors)) == (2, 1)
    assert words in said.errors[0]
    assert "mine.yaml" in said.errors[0]


def test_a_card_may_not_take_a_bundled_name(tmp_path: Path) -> None:
    own_preset(tmp_path)
    (tmp_path / "presets/mine.yaml").rename(tmp_path / "presets/gsm8k.yaml")
    said = steelyard("preset", "show", "gsm8k", "--data-dir", tmp_path)
    assert said.errors[0].startswith("error[preset_name_taken]")
