"""Parts an answer's text into what the model said and what it thought aloud inside <think> tags."""

from __future__ import annotations

import re

_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)


def split_reasoning(text: str) -> tuple[str, str]:
    """Returns (answer, reasoning); without tags the text comes back as it is, with empty reasoning.

    Blocks may nest. A closing tag without an opening one makes reasoning of all that comes before it (chat templates
    often write the opening tag into the prompt). An opening tag that is never closed makes reasoning of the rest
    when no visible text precedes it (a truncated answer); after visible text it is a mention and stays.
    """
    if "<" not in text:
        return text, ""
    said: list[str] = []
    thought: list[str] = []
    depth = start = opened_at = thought_before = 0
    for tag in _TAG.finditer(text):
        piece = text[start : tag.start()]
        start = tag.end()
        if tag[1] and depth == 0:
            thought += [*said, piece]
            said = []
        elif tag[1]:
            thought.append(piece)
            depth -= 1
        elif depth:
            thought.append(piece)
            depth += 1
        else:
            said.append(piece)
            opened_at, thought_before, depth = tag.start(), len(thought), 1
    if start == 0:
        return text, ""
    if depth and "".join(said).strip():
        said.append(text[opened_at:])
        del thought[thought_before:]
    elif depth:
        thought.append(text[start:])
    else:
        said.append(text[start:])
    return "".join(said).strip(), "\n".join(part.strip() for part in thought if part.strip())
