"""Creates a rule evaluation through the Qianfan v2 API, waits for it, and prints its report.

Environment: QIANFAN_CONSOLE_API_BASE_URL (the address of `steelyard serve`), QIANFAN_ACCESS_KEY, QIANFAN_SECRET_KEY,
DATASET_VERSION_ID (ds-...), MODEL_VERSION_ID (amv-...).
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from qianfan import resources

ROUTE = "/v2/eval"
ENDED = {"Successed", "Failed", "Stopped"}
NEEDED = (
    "QIANFAN_CONSOLE_API_BASE_URL",
    "QIANFAN_ACCESS_KEY",
    "QIANFAN_SECRET_KEY",
    "DATASET_VERSION_ID",
    "MODEL_VERSION_ID",
)


def call(action: str, body: dict[str, Any]) -> Any:
    """Returns the result of one action."""
    return resources.console.utils.call_action(ROUTE, action, body).body["result"]


def create() -> str:
    """Returns the id of the new task."""
    return call(
        "CreateEvalTask",
        {
            "taskName": "rule-evaluation",
            "description": "created with the vendor's Python SDK",
            "evalObjectType": "model",
            "evalObjectConfig": {
                "evalModelConfig": {
                    "versionId": os.environ["DATASET_VERSION_ID"],
                    "storageType": "sysStorage",
                    "evalModelConfigList": [
                        {
                            "modelId": os.environ["MODEL_VERSION_ID"],
                            "promptTemplate": "请简要回答：{input}",
                            "params": {"temperature": 0.01},
                        },
                    ],
                },
            },
            "evalConfig": {
                "evalMode": "rule",
                "autoRuleEvalConfig": {"stopWordList": ["的", "了"]},
            },
        },
    )


def main() -> int:
    """Runs the example; 0 when the evaluation succeeded."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        print("please set " + ", ".join(missing), file=sys.stderr)
        return 2
    task_id = create()
    print(f"created {task_id}")
    state = ""
    while state not in ENDED:
        if state:
            time.sleep(2)
        state = call("DescribeEvalTask", {"taskId": task_id})["state"]
        print(f"state {state}")
    print(json.dumps(call("DescribeEvalTaskReport", {"taskId": task_id}), ensure_ascii=False, indent=2))
    return 0 if state == "Successed" else 1


if __name__ == "__main__":
    sys.exit(main())
