"""Every statistic by name, over plain JSON values: what `steelyard stats` and scripts call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec
import numpy as np

from steelyard.domain.errors import InputError
from steelyard.flow.metrics import statistics_in as take
from steelyard.flow.metrics import statistics_of as give
from steelyard.flow.metrics import statistics_of_raters as rate

Statistic = Callable[..., dict[str, Any]]
I = TypeVar("I", bound=take.Inputs)  # noqa: E741


def _statistic(name: str, inputs: type[I], compute: Callable[[I], dict[str, Any]]) -> Statistic:
    def call(**given: Any) -> dict[str, Any]:
        try:
            taken = msgspec.convert(given, inputs)
        except msgspec.ValidationError as error:
            raise _refused(name, str(error), inputs) from None
        for field in inputs.__struct_fields__:
            if not _finite(getattr(taken, field)):
                raise InputError(
                    f"{field} holds a number that is not finite",
                    where=f"{name}.{field}",
                    hint="leave such values out",
                    code="invalid_statistic_input",
                )
        return compute(taken)

    call.__name__ = name
    call.__doc__ = inputs.__doc__
    return call


def _refused(name: str, problem: str, inputs: type[take.Inputs]) -> InputError:
    what, _, path = problem.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    if not field and "`" in what:
        field = what.split("`")[-2]
    known = ", ".join(inputs.__struct_fields__)
    return InputError(
        f"{name}: {what[0].lower()}{what[1:]}",
        where=f"{name}.{field}" if field else name,
        hint=f"the inputs are {known}",
        code="invalid_statistic_input",
    )


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        items = cast("list[object]", value)
        if items and all(isinstance(item, float) for item in items):
            return bool(np.isfinite(np.array(items)).all())
        return all(_finite(item) for item in items)
    return True


STATISTICS: dict[str, Statistic] = {
    "wilson": _statistic("wilson", take.ProportionIn, give.wilson_interval),
    "clopper_pearson": _statistic("clopper_pearson", take.ProportionIn, give.clopper_pearson_interval),
    "t_interval": _statistic("t_interval", take.MeanIn, give.mean_t),
    "bootstrap_bca": _statistic("bootstrap_bca", take.BootstrapIn, give.mean_bootstrap),
    "clustered": _statistic("clustered", take.ClusteredIn, give.mean_clustered),
    "mcnemar": _statistic("mcnemar", take.DiscordantIn, give.mcnemar),
    "permutation": _statistic("permutation", take.PairIn, give.permutation),
    "paired_difference": _statistic("paired_difference", take.PairIn, give.paired_difference),
    "holm": _statistic("holm", take.PValuesIn, give.holm_adjusted),
    "sign_test": _statistic("sign_test", take.SignIn, give.sign),
    "gsb": _statistic("gsb", take.GsbIn, give.gsb),
    "cohen_kappa": _statistic("cohen_kappa", take.TwoRatersIn, rate.kappa),
    "krippendorff_alpha": _statistic("krippendorff_alpha", take.RatersIn, rate.alpha),
    "gwet_ac1": _statistic("gwet_ac1", take.RatersIn, rate.ac1),
    "bradley_terry": _statistic("bradley_terry", take.WinsIn, rate.strengths),
    "ppi": _statistic("ppi", take.CalibratedIn, give.calibrated),
    "sample_size": _statistic("sample_size", take.SampleSizeIn, give.rows_needed),
}
"""Name -> function of keyword inputs; each returns JSON-able values, no NaN, and raises InputError naming the field."""
