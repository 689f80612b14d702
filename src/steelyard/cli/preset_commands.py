"""`preset`: public benchmarks that are ready to run, and their data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from steelyard.adapters.presets.fetch import Arrival
    from steelyard.domain.preset import PresetCard
    from steelyard.settings import Settings

preset_app = typer.Typer(
    no_args_is_help=True, help="Public benchmarks, ready to run. 预置评测集。", rich_markup_mode=None
)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept (default ./.steelyard).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_WORDS = {
    "here": ("data is here", "数据已就绪"),
    "partly": ("data of {n} of {all} subsets is here", "{all} 个子集中 {n} 个数据已就绪"),
    "absent": ("data is not here: steelyard preset fetch {name}", "数据未就绪:steelyard preset fetch {name}"),
    "title": ("{title}", "{title}"),
    "identity": ("identity {label}, version {version}", "标识 {label},版本 {version}"),
    "group": ("group: {group}; languages: {languages}; licence: {licence}", "能力:{group};语言:{languages};许可:{licence}"),
    "generative": (
        "generative: answers are read; published log-likelihood numbers are not comparable",
        "生成式:从回答中读取选项,与公开的对数似然结果不可比",
    ),
    "split": ("evaluated part: {split}; examples: {shots}", "评测部分:{split};示例:{shots}"),
    "scorers": ("scored by: {scorers}", "评分器:{scorers}"),
    "prompt": ("prompt:", "提示词:"),
    "subsets": ("subsets ({n}): {subsets}", "子集({n}):{subsets}"),
    "asking": ("asking {address}", "正在请求 {address}"),
    "fetched": ("{path}\tfetched\tsha256 {sha}", "{path}\t已获取\tsha256 {sha}"),
    "kept": ("{path}\twas here\tsha256 {sha}", "{path}\t原已存在\tsha256 {sha}"),
    "ready": ("ready: write `dataset: preset:{name}` in a plan", "已就绪:在计划中写 `dataset: preset:{name}`"),
}  # fmt: skip


def _say(lang: str, key: str, **values: object) -> str:
    english, chinese = _WORDS[key]
    return (chinese if lang == "zh" else english).format(**values)


@preset_app.command("list")
def preset_list(json: AsJson = False, data_dir: DataDir = None) -> None:
    """List presets: name, ability group, hash, title, and whether their data is here."""
    from steelyard.adapters.presets.cards import load_card, preset_names
    from steelyard.domain.preset import GROUPS
    from steelyard.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    folder = settings.data_dir / "presets"
    cards = [load_card(name, folder) for name in preset_names(folder)]
    if json:
        _print_json([_described(card, folder) for card in cards])
        return
    at = 1 if settings.lang == "zh" else 0
    for card in cards:
        preset = card.preset
        title = preset.title.zh if at else preset.title.en
        print("\t".join([preset.name, GROUPS[preset.group][at], card.hash, title, _state(card, settings)]))


@preset_app.command("show")
def preset_show(name: str, json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show all that makes a preset's number: prompt, examples, scorers, hash, subsets."""
    from steelyard.adapters.presets.cards import load_card
    from steelyard.domain.preset import GROUPS
    from steelyard.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    folder = settings.data_dir / "presets"
    card = load_card(name.partition("/")[0], folder)
    if json:
        _print_json(_described(card, folder))
        return
    preset, lang = card.preset, settings.lang
    chinese = lang == "zh"
    shots = f"{preset.shots.count} ({preset.shots.split})" if preset.shots.count else "0"
    lines = [
        _say(lang, "title", title=preset.title.zh if chinese else preset.title.en),
        _say(lang, "identity", label=card.label, version=preset.version),
        _say(lang, "group", group=GROUPS[preset.group][chinese], languages=", ".join(preset.languages), licence=preset.licence),
        *([_say(lang, "generative")] if preset.generative else []),
        _say(lang, "split", split=preset.split, shots=shots),
        _say(lang, "scorers", scorers=", ".join(_signatures(card))),
        _say(lang, "prompt"),
        *("  " + line for line in preset.prompt.user.splitlines()),
        *([_say(lang, "subsets", n=len(preset.subsets), subsets=" ".join(preset.subsets))] if preset.subsets else []),
        _state(card, settings),
    ]  # fmt: skip
    print("\n".join(lines))


@preset_app.command("fetch")
def preset_fetch(
    name: Annotated[str, typer.Argument(help="NAME, or NAME/SUBSET.")],
    from_folder: Annotated[
        Path | None, typer.Option("--from", help="A folder with your own copy, in the original layout.")
    ] = None,
    source: Annotated[str, typer.Option(help="huggingface, modelscope or url; default: the preset's first.")] = "",
    mirror: Annotated[str, typer.Option(help="Address of a mirror, instead of the source's own.")] = "",
    proxy: Annotated[str, typer.Option(help="http://host:port")] = "",
    data_dir: DataDir = None,
) -> None:
    """Bring a preset's data into the data directory; what is there already is kept, so that a broken fetch goes on."""
    from steelyard.adapters.presets.cards import resolve
    from steelyard.adapters.presets.fetch import fetch_from_folder, fetch_from_source
    from steelyard.adapters.presets.sources import base_of, downloading
    from steelyard.domain.errors import InputError
    from steelyard.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    card, subset = resolve(name, settings.data_dir / "presets")
    preset = card.preset
    folder = settings.data_dir / "presets" / preset.name
    if from_folder is None:
        base = base_of(preset, source, mirror)
        arrivals = fetch_from_source(preset, folder, downloading(base, proxy, _tell(settings.lang)), subset)
    elif source or mirror or proxy:
        raise InputError("--from needs no network", where="--from", hint="leave --source, --mirror and --proxy out")
    else:
        arrivals = fetch_from_folder(preset, folder, from_folder, subset)
    _print_arrivals(arrivals, settings.lang)
    print(_say(settings.lang, "ready", name=name))


def _tell(lang: str) -> Callable[[str], None]:
    """Returns what says on standard error where a file is asked for: a fetch of many files takes minutes."""
    return lambda address: print(_say(lang, "asking", address=address), file=sys.stderr)


def _print_arrivals(arrivals: list[Arrival], lang: str) -> None:
    for arrival in arrivals:
        print(_say(lang, "fetched" if arrival.new else "kept", path=arrival.path, sha=arrival.sha256))


def _state(card: PresetCard, settings: Settings) -> str:
    here, count = _subsets_here(card, settings.data_dir / "presets")
    key = "here" if here == count else "partly" if here else "absent"
    return _say(settings.lang, key, n=here, all=count, name=card.preset.name)


def _subsets_here(card: PresetCard, presets: Path) -> tuple[int, int]:
    from steelyard.adapters.presets.folder import find_file, splits_of

    preset = card.preset
    names = preset.subsets_of("")
    folder = presets / preset.name
    here = [name for name in names if all(find_file(preset, folder, split, name) for split in splits_of(preset))]
    return len(here), len(names)


def _signatures(card: PresetCard) -> list[str]:
    from steelyard.flow.scores.registry import build_scorer

    return [build_scorer(spec).signature for spec in card.scorers]


def _described(card: PresetCard, presets: Path) -> dict[str, object]:
    here, count = _subsets_here(card, presets)
    return {
        "hash": card.hash,
        "subsets_here": here,
        "subsets_all": count,
        "signatures": _signatures(card),
        "preset": card.preset,
    }


def _print_json(value: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value)).decode())
