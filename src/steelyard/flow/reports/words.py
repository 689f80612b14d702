"""Every word of a report, in Chinese and English: one table, so that no renderer has words of its own."""

from __future__ import annotations

from typing import Literal

Lang = Literal["zh", "en"]

LABELS: dict[str, tuple[str, str]] = {
    "report": ("评测报告", "Evaluation report"),
    "comparison": ("评测对比", "Comparison of evaluations"),
    "object": ("评测对象", "object"),
    "metric": ("指标", "metric"),
    "metrics": ("指标", "Metrics"),
    "value": ("值", "value"),
    "interval": ("95% 置信区间", "95% interval"),
    "low": ("下限", "low"),
    "high": ("上限", "high"),
    "method": ("方法", "method"),
    "n": ("样本数", "n"),
    "n_coverage": ("样本数（覆盖率）", "n (coverage)"),
    "unscored": ("未得分", "unscored"),
    "coverage": ("覆盖率", "coverage"),
    "std": ("标准差", "std"),
    "signature": ("配方签名", "signature"),
    "dataset": ("数据集", "data set"),
    "rows": ("数据行", "rows"),
    "total": ("请求", "requests"),
    "answered": ("已回答", "answered"),
    "scored": ("已打分", "scored"),
    "failed": ("失败", "failed"),
    "failures": ("失败原因", "Failures"),
    "reason": ("原因", "reason"),
    "message": ("报错信息", "message"),
    "of_message": ("条数", "with this message"),
    "list_failures": ("查看失败的请求", "List them"),
    "count": ("数量", "count"),
    "retried": ("重试", "retried"),
    "tokens_in": ("输入 Token", "tokens in"),
    "tokens_out": ("输出 Token", "tokens out"),
    "tokens_reasoning": ("思考 Token", "reasoning"),
    "tokens_cached": ("缓存命中", "cached"),
    "latency": ("延迟", "Latency"),
    "p50": ("P50 延迟", "p50"),
    "p90": ("P90 延迟", "p90"),
    "p99": ("P99 延迟", "p99"),
    "p50_ms": ("P50 延迟 (ms)", "p50 (ms)"),
    "p90_ms": ("P90 延迟 (ms)", "p90 (ms)"),
    "p99_ms": ("P99 延迟 (ms)", "p99 (ms)"),
    "cost": ("费用", "cost"),
    "run": ("运行情况", "Run"),
    "comparisons": ("两两对比", "Paired differences"),
    "difference": ("差值", "difference"),
    "points": ("百分点", "points"),
    "p_value": ("p 值", "p"),
    "p_adjusted": ("Holm 校正 p", "p (Holm)"),
    "wins": ("胜", "wins"),
    "ties": ("平", "ties"),
    "losses": ("负", "losses"),
    "categories": ("分类", "Categories"),
    "category": ("分类", "category"),
    "no_category": ("（无分类）", "(none)"),
    "other_categories": ("其他", "other"),
    "notes": ("须知", "Notes"),
    "abilities": ("能力得分", "Abilities"),
    "ability": ("能力", "ability"),
    "overall": ("综合得分", "overall"),
    "no_ability": ("（未指定能力）", "(no ability)"),
    "no_metric": ("没有指标", "no metric"),
    "datasets": ("数据集", "data sets"),
    "missing_datasets": ("缺少得分的数据集", "data sets without a score"),
    "examples": ("低分样例", "Lowest-scored rows"),
    "prompt": ("提示词", "prompt"),
    "answer": ("回答", "answer"),
    "reference": ("参考答案", "reference"),
    "scores": ("得分", "scores"),
    "flags": ("标记", "Flagged answers"),
    "recipes": ("指标配方", "Recipes"),
    "state": ("状态", "state"),
    "evaluation": ("评测任务", "evaluation"),
    "created": ("创建", "created"),
    "finished": ("完成", "finished"),
    "seed": ("随机种子", "seed"),
    "plan_hash": ("计划哈希", "plan"),
    "rows_dropped": ("丢弃的坏行", "bad rows dropped"),
    "summary": ("总览", "Summary"),
    "at_a_glance": ("一览", "At a glance"),
    "best": ("最高", "best"),
    "baseline": ("对比对象", "compared with"),
    "in_words": ("结论", "in words"),
    "table": ("数据表", "as a table"),
    "tag_floor_baseline": ("底线基准", "floor"),
    "tag_uses_references": ("用到参考答案", "uses references"),
    "legend_marks": ("* 最高值　≈ 未证明与最高值有差异", "* highest value   ≈ not shown to differ from it"),
    "not_comparable": ("不可比较", "Not comparable"),
    "legend_best": (
        "粗体为最高值；≈ 表示未证明与最高值有差异。",
        "Bold is the highest value; ≈ marks values not shown to differ from it.",
    ),
    "legend_abilities": (
        "能力得分为其数据集得分的加权平均，综合得分为各能力得分的平均；数据集以首个打分器的逐行均值计入。区间由各数据集的区间合成（MOVER），缺少得分时不按 0 计。",
        (
            "An ability is the weighted mean of its data sets, overall the mean of the abilities; a data set counts with the "
            "mean over rows of its first scorer. Intervals come from those of the data sets (MOVER); what is missing is no 0."
        ),
    ),
    "legend_interval": ("横线为 95% 置信区间，圆点为估计值。", "Lines are 95% intervals, dots the estimates."),
    "legend_forest": (
        "实心表示差异显著（Holm 校正后 p < 0.05），空心表示未证明有差异。",
        "Filled: a difference is shown (p < 0.05 after Holm); hollow: none is shown.",
    ),
    "legend_floor": ("与底线基准的对比只列在数据表中。", "Pairs with a floor are in the tables only."),
    "legend_latency": ("深色至 P50，浅色至 P90，竖线为 P99。", "Dark to p50, light to p90, tick at p99."),
    "legend_heat": ("颜色越浓，值越高；小字为样本数。", "The stronger the colour, the higher; small print is n."),
}

METRICS: dict[str, tuple[str, str]] = {
    "accuracy": ("准确率", "accuracy"),
    "exact": ("精确匹配", "exact match"),
    "prefix": ("前缀匹配", "prefix match"),
    "suffix": ("后缀匹配", "suffix match"),
    "contains": ("关键词包含", "contains"),
    "regex": ("正则匹配", "regex match"),
    "choice": ("选择题准确率", "choice accuracy"),
    "numeric": ("数值准确率", "numeric accuracy"),
    "json_schema": ("JSON 模式符合率", "JSON schema"),
    "json_fields": ("JSON 字段准确率", "JSON fields"),
    "token_f1": ("词元 F1", "token F1"),
    "rouge_1": ("ROUGE-1", "ROUGE-1"),
    "rouge_2": ("ROUGE-2", "ROUGE-2"),
    "rouge_l": ("ROUGE-L", "ROUGE-L"),
    "bleu4": ("BLEU-4", "BLEU-4"),
    "chrf": ("chrF", "chrF"),
    "edit_similarity": ("编辑相似度", "edit similarity"),
    "judge": ("裁判员打分", "judge score"),
    "gsb": ("GSB 对比", "GSB"),
    "manual": ("人工打分", "manual score"),
}
CORPUS = ("（语料级）", " (corpus)")

NOTES: dict[str, tuple[str, str]] = {
    "floor_baseline": (
        "这是不含模型的底线基准，任何模型都应高于它",
        "a floor without any model: a model should do better",
    ),
    "uses_references": ("它看过另一半数据的参考答案", "it has seen the references of the other half of the rows"),
    "low_coverage": (
        "超过 5% 的数据行没有得分，均值只代表其余部分",
        "over 5% of the rows have no score; the mean speaks of the rest",
    ),
    "sampled": ("只评测了按种子抽取的部分数据行", "only a seeded sample of the rows was evaluated"),
    "few_rows": ("得分的数据行少于 30，结论不稳", "fewer than 30 scored rows: little can be concluded"),
    "few_groups": ("分组少于 20，区间可能偏窄", "fewer than 20 groups: intervals may be too narrow"),
    "unparsed_high": ("超过 5% 的回答无法解析，按 0 分计", "over 5% of the answers could not be read and count 0"),
    "failed_requests": (
        "部分请求失败：不计入均值，也不算 0 分",
        "some requests failed: they are left out, not counted as 0",
    ),
    "categories_folded": ("分类超过 50 个，其余并入“其他”", 'more than 50 categories: the rest is folded into "other"'),
    "cost_incomplete": ("部分回答未报告用量，费用是下限", "some answers report no usage: the cost is a lower bound"),
    "usage_incomplete": (
        "部分回答未报告用量，Token 数是下限",
        "some answers report no usage: tokens are a lower bound",
    ),
    "dialogues_averaged": (
        "多轮对话：各轮分数先在会话内平均，每个会话只计一次",
        "dialogues: the turns of one are averaged first, so each counts once",
    ),
    "history_references": (
        "多轮历史用的是参考答案，不是模型自己的回答",
        "dialogues went on from the references, not from the model's own answers",
    ),
    "paired_by_row_id": (
        "数据集版本不同，仅按行 id 配对",
        "data set versions differ: rows are paired by their ids alone",
    ),
}

FAILURES: dict[str, tuple[str, str]] = {
    "timeout": ("超时", "timed out"),
    "connection": ("连接失败", "connection failed"),
    "rate_limited": ("被限流 (429)", "rate limited (429)"),
    "server_error": ("服务端错误 (5xx)", "server error (5xx)"),
    "malformed": ("响应格式不正确", "malformed response"),
    "refused": ("请求被拒绝 (4xx)", "request refused (4xx)"),
    "unauthorized": ("未授权 (401/403)", "not authorised (401/403)"),
    "content_filter": ("内容被过滤", "withheld by a content filter"),
    "earlier_turn": ("前一轮没有回答", "an earlier turn has no answer"),
    "missing": ("结果集中缺失", "missing in the result set"),
    "unsupported": ("内置基准无法回答", "a built-in cannot answer this"),
}

FLAGS: dict[str, tuple[str, str]] = {
    "unparsed": ("无法解析", "unparsed"),
    "empty_answer": ("空回答", "empty answer"),
    "only_stop_words": ("仅含停用词", "only stop words"),
    "timeout": ("打分超时", "scoring timed out"),
}

STATES: dict[str, tuple[str, str]] = {
    "draft": ("草稿", "draft"),
    "queued": ("排队中", "queued"),
    "inferring": ("推理中", "inferring"),
    "scoring": ("打分中", "scoring"),
    "awaiting_review": ("待人工评估", "awaiting review"),
    "aggregating": ("汇总中", "aggregating"),
    "succeeded": ("已完成", "succeeded"),
    "partially_failed": ("部分失败", "partially failed"),
    "failed": ("失败", "failed"),
    "stopping": ("停止中", "stopping"),
    "stopped": ("已停止", "stopped"),
}

STOP_REASONS: dict[str, tuple[str, str]] = {
    "user": ("用户停止", "by its user"),
    "budget": ("预算用尽", "the budget is spent"),
    "decided": ("结论已定", "the question is decided"),
}

METHODS: dict[str, tuple[str, str]] = {
    "wilson": ("Wilson 区间", "Wilson score"),
    "wilson_bound": ("Wilson 界（得分无差异）", "Wilson bound (scores do not vary)"),
    "t": ("t 区间", "t"),
    "clustered_t": ("聚类稳健 t", "clustered t"),
    "bootstrap_bca": ("BCa 自助法", "BCa bootstrap"),
    "bootstrap_percentile": ("百分位自助法", "percentile bootstrap"),
    "mcnemar_mid_p": ("McNemar mid-p", "McNemar mid-p"),
    "permutation": ("置换检验", "permutation"),
    "permutation_exact": ("精确置换检验", "exact permutation"),
    "permutation_normal": ("置换检验（正态极限）", "permutation (normal limit)"),
    "randomisation": ("近似随机化", "approximate randomisation"),
    "no_scores": ("没有得分", "no scores"),
    "no_common_rows": ("没有共同得分的行", "no rows in common"),
    "undefined": ("无法计算", "undefined"),
    "undefined_resamples": ("重采样无定义", "undefined on resamples"),
    "one_row": ("只有一行", "one row only"),
    "mover": ("由数据集区间合成 (MOVER)", "put together from intervals (MOVER)"),
    "incomplete": ("有数据集没有得分", "a data set has no score"),
    "part_without_interval": ("有数据集没有区间", "a data set has no interval"),
}

REASONS: dict[str, tuple[str, str]] = {
    "different_signature": ("配方签名不同", "the signatures differ"),
    "only_in_a": ("只有前者有该指标", "only the first has this metric"),
    "only_in_b": ("只有后者有该指标", "only the second has this metric"),
    "no_common_rows": ("没有共同的数据行", "no rows in common"),
}

SENTENCES: dict[str, tuple[str, str]] = {
    "beats": (
        "{winner} 优于 {loser} {points} 个百分点 [{low}, {high}]，{p}（Holm），n={n}",
        "{winner} beats {loser} by {points} points [{low}, {high}], {p} (Holm), n={n}",
    ),
    "beats_without_interval": (
        "{winner} 优于 {loser} {points} 个百分点，{p}（Holm），n={n}",
        "{winner} beats {loser} by {points} points, {p} (Holm), n={n}",
    ),
    "no_difference": (
        "未证明有差异：{a} 减 {b} 为 {points} 个百分点 [{low}, {high}]，{p}，n={n}",
        "no difference shown: {a} minus {b} is {points} points [{low}, {high}], {p}, n={n}",
    ),
    "no_difference_without_interval": (
        "未证明有差异：{a} 减 {b} 为 {points} 个百分点，{p}，n={n}",
        "no difference shown: {a} minus {b} is {points} points, {p}, n={n}",
    ),
    "nothing_shared": ("{a} 与 {b} 没有共同得分的数据行", "{a} and {b} have no scored rows in common"),
    "ability_incomplete": (
        "{label}：没有「{ability}」，因为这些数据集没有得分：{missing}",
        "{label}: no score for {ability}, because these data sets have none: {missing}",
    ),
    "no_p": ("无 p 值", "no p value"),
    "stopped_by": ("评测提前停止：{reason}", "The evaluation was stopped: {reason}"),
    "unasked": ("{total} 个请求中有 {missing} 个没有发出", "{missing} of {total} requests were not asked"),
    "requests": ("{total} 个请求：{rows} 行数据", "{total} requests: {rows} rows"),
    "times_repeats": ("，每行重复 {repeats} 次", ", each asked {repeats} times"),
    "once_a_turn": ("，多轮对话每轮各发一个请求", ", dialogues ask once a turn"),
}

TABLES = {
    "label": LABELS, "metric": METRICS, "note": NOTES, "failure": FAILURES, "flag": FLAGS, "state": STATES, "method": METHODS,
    "reason": REASONS, "sentence": SENTENCES, "stop_reason": STOP_REASONS,
}  # fmt: skip


def word(table: str, key: str, lang: Lang) -> str:
    """Returns the text of a key; a key without one stands for itself."""
    pair = TABLES[table].get(key)
    return key if pair is None else pair[0 if lang == "zh" else 1]


def label(key: str, lang: Lang) -> str:
    """Returns the text of a label."""
    return word("label", key, lang)


def metric_name(name: str, lang: Lang) -> str:
    """Returns a metric's name for people; a pooled metric is marked as such."""
    if name.endswith("_corpus"):
        return word("metric", name.removesuffix("_corpus"), lang) + CORPUS[0 if lang == "zh" else 1]
    return word("metric", name, lang)


def category_name(value: str, lang: Lang) -> str:
    """Returns a category's name for people."""
    special = {"": "no_category", "other": "other_categories"}.get(value)
    return label(special, lang) if special else value
