"""Archives are read member by member; what is damaged, hostile or unclear is refused by name, and nothing is stored."""

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.files.test_import_dataset import Place

from steelyard.adapters.formats.archives import Limits, members_of
from steelyard.adapters.formats.read import read_records
from steelyard.domain.errors import InputError, RowsRefusedError
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.read import read_rows

GOOD = b'{"prompt": "q1", "reference": "a"}\n{"prompt": "q2", "reference": "b"}\n'


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """The system's temporary folder, which every test leaves empty."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def pack(path, members, method=zipfile.ZIP_DEFLATED):
    """Writes {name: bytes} as an archive of the path's kind."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", method) as packed:
            for name, data in members.items():
                packed.writestr(zipfile.ZipInfo(name), data, method)
    else:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as packed:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                packed.addfile(info, io.BytesIO(data))
        path.write_bytes(gzip.compress(plain.getvalue(), mtime=0))
    return path


def refused(place, path, code="bad_archive", **options):
    with pytest.raises(InputError) as caught:
        place.add(path, **options)
    assert caught.value.error_code == code, caught.value.line()
    assert caught.value.hint
    assert str(tempfile.tempdir) not in caught.value.line()
    assert place.datasets.all == []
    assert list((path.parent / "rows" / "versions").iterdir()) == []
    return caught.value


def workbook(rows):
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for line, cells in enumerate(rows):
            sheet.write_row(line, 0, cells)
    return data.getvalue()


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tgz", "A.ZIP"])
def test_members_of_mixed_formats_are_one_data_set(place, tmp_path, name):
    path = pack(
        tmp_path / name.lower(),
        {
            "one.jsonl": GOOD,
            "sub/二.csv": "prompt,reference\nq3,c\n".encode("gb18030"),
            "three.xlsx": workbook([["prompt", "reference"], ["q4", "d"]]),
            "__MACOSX/._one.jsonl": b"\0\1",
            "sub/.DS_Store": b"x",
        },
    ).rename(tmp_path / name)
    assert [(row.turns[0].input, row.turns[0].references) for row in place.read(path)] == [
        ("q1", ("a",)), ("q2", ("b",)), ("q3", ("c",)), ("q4", ("d",)),
    ]  # fmt: skip


@pytest.mark.parametrize("inner", ["a.jsonl", "a.csv", "a.xlsx"])
def test_a_gz_is_its_one_file(place, tmp_path, inner):
    data = {"a.jsonl": GOOD, "a.csv": b"prompt,reference\nq1,a\nq2,b\n"}.get(inner) or workbook(
        [["prompt", "reference"], ["q1", "a"], ["q2", "b"]]
    )
    path = tmp_path / f"{inner}.gz"
    path.write_bytes(gzip.compress(data))
    assert [row.turns[0].input for row in place.read(path)] == ["q1", "q2"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_bad_rows_are_told_with_member_and_line(place, tmp_path, name):
    path = pack(tmp_path / name, {"x.jsonl": GOOD + b'{"prompt": "tor\n', "d/y.jsonl": GOOD + b'{"prompt": null}\n'})
    with pytest.raises(RowsRefusedError) as caught:
        place.add(path)
    told = [problem.text().split(":")[:2] for problem in caught.value.problems]
    assert [member.rpartition("/a")[2] if "/a" in member else member for member, _ in told][1].endswith("!d/y.jsonl")
    assert told[0][0].endswith(f"{name}!x.jsonl")
    assert [line for _, line in told] == ["3", "3"]
    assert place.datasets.all == []
    assert len(place.read(path, on_bad_rows="drop")) == 4


def test_a_dialogue_ends_with_its_member_and_names_may_repeat(place, tmp_path):
    turns = b'{"session_id": 1, "prompt": "a"}\n{"session_id": 1, "prompt": "b"}\n'
    path = pack(tmp_path / "a.zip", {"1.jsonl": turns, "2.jsonl": turns.replace(b'"a"', b'"c"')})
    assert [[turn.input for turn in row.turns] for row in place.read(path)] == [["a", "b"], ["c", "b"]]


def test_a_lost_turn_refuses_the_dialogue_of_its_own_member_alone(tmp_path):
    turns = b'{"session_id": 1, "prompt": "a"}\n{"session_id": 1, "prompt": "b"}\n'
    path = pack(tmp_path / "a.zip", {"1.jsonl": turns, "2.jsonl": b"{broken\n" + turns})
    found = list(read_rows(read_records(path, file="a.zip"), file="a.zip", kind="general"))
    assert [(p.file, p.line) for p in found if isinstance(p, RowProblem)] == [
        ("a.zip!2.jsonl", 1), ("a.zip!2.jsonl", 2), ("a.zip!2.jsonl", 3),
    ]  # fmt: skip
    assert [len(row.turns) for row in found if not isinstance(row, RowProblem)] == [2]


def test_in_a_plain_file_a_broken_first_line_still_casts_doubt_on_the_dialogue_after_it(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{broken\n{"session_id": 1, "prompt": "a"}\n{"prompt": "b"}\n')
    found = list(read_rows(read_records(path), file="a.jsonl", kind="general"))
    assert [p.line for p in found if isinstance(p, RowProblem)] == [1, 2]


@pytest.mark.parametrize(
    "name", ["../a.jsonl", "/etc/a.jsonl", "x/../../a.jsonl", "C:\\a.jsonl", "..\\a.jsonl", "\\a.jsonl"]
)
@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_names_that_lead_out_are_refused(place, tmp_path, name, kind):
    error = refused(place, pack(tmp_path / kind, {"ok.jsonl": GOOD, name: GOOD}))
    assert error.where.endswith("!" + name)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(place, tmp_path, kind):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        info = tarfile.TarInfo("l.jsonl")
        info.type, info.linkname = kind, "/etc/passwd"
        packed.addfile(info)
    assert refused(place, path).where.endswith("!l.jsonl")


def test_links_in_a_zip_are_refused(place, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as packed:
        info = zipfile.ZipInfo("l.jsonl")
        info.external_attr = 0o120777 << 16
        packed.writestr(info, "/etc/passwd")
    assert "link" in refused(place, path).message


@pytest.mark.parametrize("inner", ["b.zip", "b.tar", "b.tar.gz", "b.jsonl.gz", "b.7z", "b.RAR"])
@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_archives_within_archives_are_refused(place, tmp_path, inner, kind):
    assert refused(place, pack(tmp_path / kind, {"d/" + inner: b"x"})).where.endswith(inner)
    path = tmp_path / "b.zip.gz"
    path.write_bytes(gzip.compress(b"x"))
    refused(place, path)


def test_an_encrypted_zip_is_refused(place, tmp_path):
    path = pack(tmp_path / "a.zip", {"x.jsonl": GOOD}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    error = refused(place, path)
    assert "encrypted" in error.message
    assert error.where.endswith("!x.jsonl")


@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz", "a.jsonl.gz"])
def test_repeated_text_that_unpacks_to_far_more_is_refused(place, tmp_path, kind):
    bomb = b'{"prompt": "' + b"0" * (80 << 20) + b'"}\n'
    path = tmp_path / kind
    if kind == "a.jsonl.gz":
        path.write_bytes(gzip.compress(bomb))
    else:
        pack(path, {"x.jsonl": bomb})
    assert "times its size" in refused(place, path, "too_large").message


@pytest.mark.parametrize(
    ("limits", "told"),
    [(Limits(members=2), "members"), (Limits(total_bytes=150), "bytes"), (Limits(ratio=1, ratio_from=10), "times")],
)
@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_every_limit_stops_the_archive(tmp_path, kind, limits, told):
    path = pack(tmp_path / kind, {f"{i}.jsonl": GOOD * 9 for i in range(3)})
    with pytest.raises(InputError, match=told) as caught:
        list(members_of(path, "zip" if kind == "a.zip" else "tar.gz", path.name, limits))
    assert caught.value.error_code == "too_large"


def test_a_tar_header_that_claims_megabytes_is_not_held_in_memory(place, tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as packed:
        info = tarfile.TarInfo("x.jsonl")
        info.pax_headers = {"comment": "x" * (4 << 20)}
        packed.addfile(info)
    assert "more than its members" in refused(place, path).message


def test_a_zip_that_lists_too_much_is_refused_before_its_list_is_read(place, tmp_path):
    path = pack(tmp_path / "a.zip", {"x.jsonl": GOOD})
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(data)
    assert "too long" in refused(place, path, "too_large").message


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({}, "empty_file"),
        ({".hidden": b"x"}, "empty_file"),
        ({"x.jsonl": b""}, "empty_file"),
        ({"notes.txt": b"x"}, "unknown_format"),
        ({"x.jsonl": '{"prompt": "q"}'.encode("utf-32")}, "unknown_encoding"),
        ({"x.csv": b'prompt\n"never closed\n'}, "bad_file"),
        ({"x.xlsx": b"PK\3\4 torn"}, "bad_file"),
    ],
)
@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_members_that_cannot_be_read_are_named(place, tmp_path, members, code, kind):
    error = refused(place, pack(tmp_path / kind, members), code)
    assert all("!" + name in error.where for name in members if not name.startswith("."))


def test_a_zip_with_one_name_twice_is_refused(place, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("x.jsonl", GOOD)
        with pytest.warns(UserWarning, match="Duplicate"):
            packed.writestr("x.jsonl", GOOD)
    assert "twice" in refused(place, path).message


def test_chinese_names_of_older_programs_are_shown_as_written(tmp_path):
    path = tmp_path / "a.zip"
    name = "数据.jsonl"
    raw = name.encode("gb18030")
    pack(path, {"x" * (len(raw) - 6) + ".jsonl": GOOD})
    path.write_bytes(path.read_bytes().replace(b"x" * (len(raw) - 6) + b".jsonl", raw))
    assert {record.file for record in read_records(path, file="a.zip")} == {f"a.zip!{name}"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["a.zip", "a.tar.gz", "a.jsonl.gz"]), data=st.data())
def test_damage_anywhere_is_refused_or_listed_and_never_half_imported(tmp_path_factory, kind, data):
    folder = tmp_path_factory.mktemp("damage")
    path = folder / kind
    rows = b"".join(
        b'{"prompt": "question %d", "reference": "%s"}\n' % (i, hashlib.sha256(bytes([i])).hexdigest().encode())
        for i in range(40)
    )
    if kind == "a.jsonl.gz":
        path.write_bytes(gzip.compress(rows, mtime=0))
    else:
        pack(path, {"x.jsonl": rows, "y.jsonl": rows})
    whole = path.read_bytes()
    place = Place(folder)
    expected = [row.turns for row in place.read(path)]
    place.datasets.all.clear()
    cut = data.draw(st.integers(1, len(whole) - 1))
    torn = data.draw(st.booleans())
    flipped = bytes([whole[cut] ^ (1 << data.draw(st.integers(0, 7)))])
    path.write_bytes(whole[:cut] if torn else whole[:cut] + flipped + whole[cut + 1 :])
    try:
        found = [row.turns for row in place.read(path)]
    except InputError:
        assert place.datasets.all == []
    else:
        # A flipped bit in a date or a name changes nothing that is read; what is read is whole.
        assert found in (expected, expected[:40], expected[40:])


def test_content_that_does_not_fit_its_checksum_is_refused(place, tmp_path):
    path = pack(tmp_path / "a.tar.gz", {"x.jsonl": GOOD})
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 0, mtime=0).replace(b"q2", b"q3"))
    assert "damaged" in refused(place, path).message


def test_one_member_at_a_time_lies_on_disk(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.jsonl": GOOD, "b.csv": GOOD, "c.json": GOOD})
    for member in members_of(path, "zip", "a.zip"):
        assert [one for one in Path(tempfile.tempdir).rglob("*") if one.is_file()] == [member.path]


def test_in_a_plain_file_a_lost_turn_refuses_its_dialogue(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"session_id": 1, "prompt": "a"}\n{broken\n{"session_id": 1, "prompt": "b"}\n{"prompt": "c"}\n')
    found = list(read_rows(read_records(path), file="a.jsonl", kind="general"))
    assert sorted(p.line for p in found if isinstance(p, RowProblem)) == [1, 2, 3]


def test_one_long_cell_is_a_row(place, tmp_path):
    path = pack(
        tmp_path / "a.zip", {"x.jsonl": json.dumps({"prompt": "长" * (10 << 20) + "end"}, ensure_ascii=False).encode()}
    )
    (row,) = place.read(path)
    assert len(row.turns[0].input) == (10 << 20) + 3


LONG = json.dumps([{"prompt": f"q{i}"} for i in range(151)]).encode()
BAD_LINES = {
    "truncated": b'{"prompt": "q3", "refer',
    "wrong type": b'{"prompt": {"a": 1}}',
    "no object": b'"text"',
    "missing column": b'{"reference": "c"}',
    "nul": b'{"prompt": "q\0"}',
    "bare nul": b"\0\0\0",
    "another encoding": '{"prompt": "你好，世界"}'.encode("gb18030"),
    "151 turns": LONG,
    "151 turns of a vendor": LONG.replace(b'"prompt"', b'"chosen": "a", "rejected": "b", "user"'),
    "no turn": b"[]",
    "turn of another type": b'[{"prompt": "q"}, 3]',
    "item of another type": b'{"item": [1]}',
    "empty item": b'{"item": {}}',
    "unknown role": b'{"messages": [{"role": "tool", "content": "x"}]}',
    "content of another type": b'{"input": [{"role": "user", "content": {"url": "x"}}], "ideal": "a"}',
}
CARRIERS = ["a.jsonl", "a.jsonl.gz", "a.zip", "a.tar.gz"]


def carry(folder, carrier, data):
    path = folder / carrier
    if carrier == "a.jsonl":
        path.write_bytes(data)
    elif carrier == "a.jsonl.gz":
        path.write_bytes(gzip.compress(data))
    else:
        pack(path, {"ok.jsonl": GOOD, "x.jsonl": data})
    return path


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("bad", BAD_LINES)
def test_every_bad_line_is_listed_by_its_line_and_nothing_is_half_imported(place, tmp_path, carrier, bad):
    # Most of the file is in one encoding, so that a line in another one stands out.
    data = GOOD + '{"prompt": "一二三四"}\n'.encode() * 5 + BAD_LINES[bad] + b"\n" + GOOD
    path = carry(tmp_path, carrier, data)
    with pytest.raises(RowsRefusedError) as caught:
        place.add(path)
    assert [problem.line for problem in caught.value.problems] == [8]
    assert caught.value.problems[0].reason
    assert caught.value.problems[0].file.endswith("!x.jsonl" if carrier in ("a.zip", "a.tar.gz") else carrier)
    assert place.datasets.all == []
    assert list((tmp_path / "rows" / "versions").iterdir()) == []
    assert len(place.read(path, on_bad_rows="drop")) == 9 + (2 if carrier in ("a.zip", "a.tar.gz") else 0)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_ids_that_stand_twice_are_told_apart(place, tmp_path, carrier):
    path = carry(
        tmp_path, carrier, b'{"id": "a", "prompt": "p"}\n{"id": "a", "prompt": "q"}\n{"id": "b", "prompt": "r"}\n'
    )
    ids = [row.id for row in place.read(path)]
    assert len(set(ids)) == len(ids)
    assert ids[-1] == "b"
    assert "a" not in ids
