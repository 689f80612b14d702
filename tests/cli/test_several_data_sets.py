"""Several data sets in one evaluation: each with its scorers, abilities and weights, through the command line."""

import pytest
from tests.support.command import model, steelyard, stored_evaluations, sums, write_plan, write_rows
from tests.support.endpoint import running_endpoint


@pytest.fixture(scope="module")
def shared_endpoint():
    with running_endpoint(answer="sum") as running:
        yield running


@pytest.fixture
def bench(tmp_path, shared_endpoint):
    shared_endpoint.reset()
    return Bench(tmp_path, shared_endpoint)


class Bench:
    """Three data sets: all right, all wrong, and one whose answers only contain the reference."""

    def __init__(self, folder, endpoint):
        self.folder, self.endpoint, self.data_dir = folder, endpoint, folder / "data"
        write_rows(folder / "right.jsonl", sums(30))
        write_rows(folder / "wrong.jsonl", [{**row, "reference": "no"} for row in sums(20, 100)])
        write_rows(folder / "part.jsonl", [{**row, "reference": row["reference"][:2]} for row in sums(10, 200)])

    def plan(self, datasets, **fields):
        given = {"name": "several", "datasets": datasets, "scorers": ["exact"], **fields}
        given.setdefault("objects", [model("m", self.endpoint.base_url, max_attempts=1)])
        return write_plan(self.folder / "plan.yaml", **given)

    def run(self, datasets, *flags, **fields):
        return steelyard("run", self.plan(datasets, **fields), "--data-dir", self.data_dir, *flags)


USES = [
    {"ref": "right.jsonl", "ability": "knowledge"},
    {"ref": "wrong.jsonl", "ability": "knowledge", "weight": 3},
    {"ref": "part.jsonl", "ability": "reasoning", "scorers": ["contains"]},
]


def scores(said):
    return {(one["ability"], one["overall"]): one["value"] for one in said.report["abilities"]}


def test_every_data_set_has_its_scorers_and_adds_to_its_ability(bench):
    said = bench.run(USES, "--json")
    assert said.status == 0, said.err
    assert [(u["dataset"], [m["name"] for m in u["metrics"]]) for u in said.report["units"]] == [
        ("right", ["exact"]), ("wrong", ["exact"]), ("part", ["contains"]),
    ]  # fmt: skip
    assert scores(said) == {("knowledge", False): 0.25, ("reasoning", False): 1.0, ("", True): 0.625}
    parts = said.report["abilities"][-1]["parts"]
    assert [(p["dataset"], p["metric"], p["weight"]) for p in parts] == [
        ("right", "exact", 1.0), ("wrong", "exact", 3.0), ("part", "contains", 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "heading", "overall"), [("en", "Abilities", "overall"), ("zh", "能力得分", "综合得分")]
)
def test_people_see_the_abilities_first(bench, lang, heading, overall):
    said = steelyard("run", bench.plan(USES), "--data-dir", bench.data_dir, STEELYARD_LANG=lang)
    lines = said.out.splitlines()
    at = lines.index(heading)
    assert lines[at + 1].split()[-3:] == ["knowledge", "reasoning", overall]
    assert lines[at + 3].startswith("m ")
    assert "0.625" in lines[at + 3]
    assert at < next(i for i, line in enumerate(lines) if "right" in line and "=" not in line)


def test_other_weights_and_abilities_ask_nothing_again(bench):
    bench.run(USES)
    said = bench.run([{"ref": one["ref"], "ability": "all"} for one in USES], "--json")
    assert bench.endpoint.stats()["total"] == 60
    assert stored_evaluations(bench.data_dir) == 1
    # The third now has the plan's scorer: its answers are scored again, not asked again.
    assert scores(said) == {("all", False): pytest.approx(1 / 3), ("", True): pytest.approx(1 / 3)}


def test_a_data_set_that_nobody_answered_is_no_zero(bench):
    write_rows(bench.folder / "lost.jsonl", [{"prompt": f"q{i}"} for i in range(3)])
    said = bench.run([USES[0], {"ref": "lost.jsonl", "ability": "reasoning"}])
    assert "! m: no score for reasoning, because these data sets have none: lost" in said.out
    again = bench.run([USES[0], {"ref": "lost.jsonl", "ability": "reasoning"}], "--json")
    assert scores(again) == {("knowledge", False): 1.0, ("reasoning", False): None, ("", True): None}


def test_files_of_one_name_are_told_apart(bench):
    for folder, start in (("a", 0), ("b", 50)):
        (bench.folder / folder).mkdir()
        write_rows(bench.folder / folder / "test.jsonl", sums(5, start))
    objects = [
        model(label, bench.endpoint.base_url, template) for label, template in (("m", ""), ("n", "Say: {input}"))
    ]
    said = bench.run([{"ref": "a/test.jsonl"}, {"ref": "b/test.jsonl"}], "--json", objects=objects)
    assert [u["dataset"] for u in said.report["units"]] == ["a/test.jsonl", "b/test.jsonl"] * 2
    assert [one["dataset"] for one in said.report["comparisons"]] == ["a/test.jsonl", "b/test.jsonl"]


def test_the_same_rows_twice_are_refused(bench):
    (bench.folder / "copy.jsonl").write_bytes((bench.folder / "right.jsonl").read_bytes())
    said = bench.run([{"ref": "right.jsonl"}, {"ref": "copy.jsonl", "scorers": ["contains"]}])
    (error,) = said.errors
    assert said.status == 2
    assert "error[twin_datasets]" in error
    assert "plan.yaml datasets.1.ref" in error
    assert "with all its scorers" in error


@pytest.mark.parametrize("weight", [0, -1, "much"])
def test_a_weight_that_is_none_is_refused(bench, weight):
    said = bench.run([{"ref": "right.jsonl", "weight": weight}])
    assert said.status == 2
    assert "datasets.0.weight" in said.errors[0]


def test_one_data_set_has_no_abilities(bench):
    assert bench.run([{"ref": "right.jsonl"}], "--json").report["abilities"] == []
