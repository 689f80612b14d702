"""The presets there are: YAML files of this program, and those a person lays into `presets/` of the data directory."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from steelyard.domain.errors import InputError
from steelyard.services.presets import check_subset, read_card

if TYPE_CHECKING:
    from pathlib import Path

    from steelyard.domain.preset import PresetCard

_SUFFIX = ".yaml"


def preset_names(folder: Path) -> list[str]:
    """Returns all names, sorted.

    Args:
        folder: `presets` of the data directory; it need not exist.
    """
    return sorted(_bundled().keys() | _own(folder).keys())


def load_card(name: str, folder: Path) -> PresetCard:
    """Returns a preset by its name.

    Raises:
        InputError: there is none (`unknown_preset`; the hint lists all), a person's own has the name of a bundled one
            (`preset_name_taken`), or its file is wrong (`bad_preset`, with line or field).
    """
    bundled, own = _bundled(), _own(folder)
    if name in bundled and name in own:
        raise InputError(
            f"the preset {name} comes with this program",
            where=str(own[name]),
            hint="give your file and its `name` another name",
            code="preset_name_taken",
        )
    found = bundled.get(name) or own.get(name)
    if found is None:
        raise InputError(
            f"there is no preset '{name}'",
            where=f"preset:{name}",
            hint="use one of " + ", ".join(preset_names(folder)),
            code="unknown_preset",
        )
    where = str(own.get(name, f"{name}{_SUFFIX}"))
    card = read_card(_parsed(found, where), where=where)
    if card.preset.name != name:
        raise InputError(
            f"the file is called {name}, the preset {card.preset.name}",
            where=f"{where} name",
            hint="make them equal",
            code="bad_preset",
        )
    return card


def resolve(reference: str, folder: Path) -> tuple[PresetCard, str]:
    """Returns the card and the subset ("" for all) that `NAME` or `NAME/SUBSET` means.

    Raises:
        InputError: see `load_card`; or the subset is unknown (`unknown_subset`).
    """
    name, _, subset = reference.partition("/")
    card = load_card(name, folder)
    check_subset(card.preset, subset)
    return card, subset


def _bundled() -> dict[str, Any]:
    found = (files("steelyard") / "data" / "presets").iterdir()
    return {item.name.removesuffix(_SUFFIX): item for item in found if item.name.endswith(_SUFFIX)}


def _own(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*" + _SUFFIX)} if folder.is_dir() else {}


def _parsed(file: Any, where: str) -> Any:
    import yaml

    try:
        text = file.read_text("utf-8")
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "the preset's file cannot be read", where=where, hint="save it as UTF-8 text", code="bad_preset"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise InputError(
            f"the preset is not YAML: {getattr(error, 'problem', error)}",
            where=where + line,
            hint="mend the syntax there",
            code="bad_preset",
        ) from error
