"""The statistics by name: plain inputs, plain results, clear refusals."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from steelyard.domain.errors import InputError
from steelyard.flow.metrics.table import STATISTICS

GOOD = {
    "wilson": {"successes": 8, "n": 10},
    "clopper_pearson": {"successes": 0, "n": 10, "confidence": 0.99},
    "t_interval": {"values": [0.1, 0.5, 0.9]},
    "bootstrap_bca": {"values": [0.1, 0.5, 0.9, 1], "seed": 4, "resamples": 500},
    "clustered": {"values": [0.1, 0.5, 0.9, 1], "groups": ["a", "a", 3, None]},
    "mcnemar": {"only_a": 1, "only_b": 7},
    "permutation": {"a": [1, 0.5, 0.2], "b": [0.5, 0.5, 0.1]},
    "paired_difference": {"a": [1, 0.5, 0.2], "b": [0.5, 0.5, 0.1], "groups": ["x", "x", "y"]},
    "holm": {"p_values": [0.01, None, 0.04]},
    "sign_test": {"wins": 9, "losses": 1},
    "gsb": {"candidate_better": 5, "same": 2, "baseline_better": 3},
    "cohen_kappa": {"a": ["y", "n", "y", None], "b": ["y", "y", "y", "n"]},
    "krippendorff_alpha": {"items": [[1, 1, None], [2, 3, 3]], "level": "ordinal"},
    "gwet_ac1": {"items": [["好", "好"], ["差", "好"]]},
    "bradley_terry": {"wins": [[0, 3, 1], [1, 0, 2], [2, 1, 0]], "labels": ["a", "b", "c"]},
    "ppi": {"labels": [1, 0, 1], "judged": [1, 0, 0], "judged_rest": [1, 1, 0]},
    "sample_size": {"difference": 0.03},
}


def test_every_statistic_is_tried():
    assert set(GOOD) == set(STATISTICS)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_results_are_json_and_repeat_themselves(name):
    first = json.dumps(STATISTICS[name](**GOOD[name]), allow_nan=False)
    assert json.loads(first)["method"] if name != "holm" else True
    assert json.dumps(STATISTICS[name](**GOOD[name])) == first


@pytest.mark.parametrize("name", sorted(GOOD))
def test_an_unknown_input_is_named_with_those_there_are(name):
    with pytest.raises(InputError) as caught:
        STATISTICS[name](**GOOD[name], nonsense=1)
    assert "nonsense" in caught.value.where
    assert next(iter(GOOD[name])) in caught.value.hint


BAD = [
    ("wilson", {"successes": 11, "n": 10}, "successes"),
    ("wilson", {"successes": 1}, "n"),
    ("wilson", {"successes": "8", "n": 10}, "successes"),
    ("wilson", {"successes": 0, "n": 0}, "n"),
    ("wilson", {"successes": 1, "n": 2, "confidence": 1.0}, "confidence"),
    ("t_interval", {"values": [1]}, "values"),
    ("t_interval", {"values": [1, float("nan")]}, "values"),
    ("t_interval", {"values": [1, "x"]}, "values[1]"),
    ("bootstrap_bca", {"values": [1, 1, 1]}, "values"),
    ("clustered", {"values": [1, 0], "groups": ["a"]}, "groups"),
    ("clustered", {"values": [1, 0], "groups": ["a", "a"]}, "groups"),
    ("clustered", {"values": [2, 2, 2], "groups": ["a", "a", "b"]}, "values"),
    ("t_interval", {"values": [5, 5]}, "values"),
    ("krippendorff_alpha", {"items": [[10**400, 1]], "level": "interval"}, "items"),
    ("mcnemar", {"only_a": 3}, "only_a"),
    ("mcnemar", {"a": [1, 0.5], "b": [1, 0]}, "a"),
    ("permutation", {"a": [1], "b": [1, 2]}, "b"),
    ("holm", {"p_values": [1.5]}, "p_values[0]"),
    ("gsb", {"candidate_better": 0, "same": 0, "baseline_better": 0}, "candidate_better"),
    ("cohen_kappa", {"a": [None], "b": [1]}, "a"),
    ("cohen_kappa", {"a": [float("nan"), 1], "b": [1, 1]}, "a"),
    ("cohen_kappa", {"a": [1, "x"], "b": [1, 1]}, "categories"),
    ("krippendorff_alpha", {"items": [["a", "b"]], "level": "interval"}, "items"),
    ("krippendorff_alpha", {"items": [["a", "b"]], "level": "ordinal"}, "categories"),
    ("gwet_ac1", {"items": [[1, None]]}, "items"),
    ("gwet_ac1", {"items": [[1, 2]], "categories": [1]}, "categories"),
    ("bradley_terry", {"wins": [[0, 1], [1]]}, "wins[1]"),
    ("bradley_terry", {"wins": [[0, 1], [0, 0]]}, "wins"),
    ("bradley_terry", {"wins": [[0, 1], [-1, 0]]}, "wins"),
    ("ppi", {"labels": [1, 0], "judged": [1], "judged_rest": []}, "judged"),
    ("ppi", {"labels": [2], "judged": [1], "judged_rest": []}, "labels"),
    ("sample_size", {"difference": 0}, "difference"),
]


@pytest.mark.parametrize(("name", "inputs", "field"), BAD)
def test_a_bad_input_is_refused_by_its_field(name, inputs, field):
    with pytest.raises(InputError) as caught:
        STATISTICS[name](**inputs)
    assert field in caught.value.where
    assert caught.value.hint


def test_known_values_through_the_door():
    assert STATISTICS["wilson"](successes=8, n=10)["interval"] == pytest.approx([0.4902, 0.9433], abs=1e-4)
    assert STATISTICS["mcnemar"](a=[1, 0, 0, 0], b=[0, 1, 1, 0])["only_b"] == 2
    assert STATISTICS["gsb"](**GOOD["gsb"])["net_win_rate"] == pytest.approx(0.2)
    assert STATISTICS["gsb"](**GOOD["gsb"])["win_rate"] == pytest.approx(0.6)
    assert STATISTICS["cohen_kappa"](**GOOD["cohen_kappa"])["n"] == 3
    assert STATISTICS["bradley_terry"](wins=[[0, 3], [1, 0]])["objects"][0]["rank"] == 1


def test_equal_scores_get_the_bound_whichever_statistic_is_asked():
    bound = STATISTICS["wilson"](successes=3, n=3)["interval"]
    plain = STATISTICS["t_interval"](values=[1, 1, 1])
    assert (plain["interval"], plain["method"]) == (pytest.approx(bound), "wilson_bound")
    for values, groups in (([1, 1, 1, 1], ["a", "a", "b", "c"]), ([1, 1, 1], [None] * 3)):
        clustered = STATISTICS["clustered"](values=values, groups=groups)
        assert (clustered["interval"], clustered["method"]) == (pytest.approx(bound), "wilson_bound")
    low, high = STATISTICS["clustered"](values=[1, 0, 1, 0], groups=["a", "a", "b", "b"])["interval"]
    assert low < 0.2
    assert high > 0.8


def test_differences_that_cancel_in_every_group_have_no_interval():
    found = STATISTICS["paired_difference"](a=[1, 0, 1, 0], b=[0, 1, 0, 1], groups=["x", "x", "y", "y"])
    assert (found["interval"], found["p_value"], found["method"]) == (None, None, "no_variation")


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("sign_test", {"wins": 10**8, "losses": 0}),
        ("mcnemar", {"only_a": 5000, "only_b": 0}),
        ("gsb", {"candidate_better": 5000, "same": 0, "baseline_better": 0}),
        ("permutation", {"a": [1.0] * 30_000, "b": [0.0] * 30_000}),
        ("paired_difference", {"a": [1.0] * 30_000 + [0.5], "b": [0.0] * 30_001}),
    ],
)
def test_no_p_value_says_impossible(name, inputs):
    assert 0.0 < STATISTICS[name](**inputs)["p_value"] < 1e-300


def test_kappa_of_thousands_of_categories():
    ratings = list(range(5000))
    found = STATISTICS["cohen_kappa"](a=ratings, b=[*ratings[1:], 0], weights="quadratic")
    assert found["value"] == pytest.approx(0.9988, abs=1e-4)


def test_strengths_say_whether_they_converged():
    assert STATISTICS["bradley_terry"](**GOOD["bradley_terry"])["converged"] is True


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=3),
    lambda inner: some.lists(inner, max_size=4),
    max_leaves=12,
)


@given(some.sampled_from(sorted(GOOD)), some.data())
@settings(max_examples=300, deadline=None)
def test_whatever_is_given_there_is_a_result_or_a_refusal(name, data):
    inputs = dict(GOOD[name])
    inputs[data.draw(some.sampled_from(sorted(inputs)))] = data.draw(anything)
    try:
        result = STATISTICS[name](**inputs)
    except InputError as error:
        line = error.line()
        if not error.where or "\n" in line:
            pytest.fail(line)
    else:
        json.dumps(result, allow_nan=False)
