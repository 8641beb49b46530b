"""Sets out of voted answers."""

import json
from pathlib import Path
from typing import Any

from gateway.evaluation.lines import read_set
from gateway.evaluation.voted import VotedSet


def example(number: int, vote: str, answer: str, photo: str = "attached", **more: Any) -> Any:
    content: list[Any] = [{"type": "text", "text": "这是真皮吗？"}]
    if photo == "attached":
        content.insert(0, {"type": "image_url", "image_url": {"url": "photos/a.jpg"}})
    return {
        "messages": [
            {"role": "user", "content": content},
            {"role": "assistant", "content": answer},
        ],
        "vote": vote,
        "reason": None,
        "photo": photo,
        "model_revision": "r1",
        "asked_at": "2026-01-02T03:04:05",
        "interaction_id": f"id-{number}",
        **more,
    }


def test_what_was_liked_is_expected_and_what_was_disliked_is_not(tmp_path: Path) -> None:
    voted = VotedSet()
    examples = [
        example(1, "up", "可能是真皮。"),
        example(2, "down", "是帆布。", reason="不对"),
        example(3, "down", "可能是真皮。"),
        example(4, "up", "可能是真皮。"),
        example(5, "up", "不知道。", photo="none asked about"),
        example(6, "up", "好。", photo="no consent"),
        example(7, "up", "也许。"),
        example(8, "down", "也许。"),
    ]
    lines = list(voted.lines(examples))
    assert voted.left_out == {"left out: photo: no consent": 1, "left out: voters disagree": 2}
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, lines)))
    liked, disliked, photoless = read_set(tmp_path / "set.jsonl").lines
    assert (liked.id, liked.photos, liked.question) == ("id-1", ("photos/a.jpg",), "这是真皮吗？")
    assert (liked.expected.like, liked.expected.language) == ("可能是真皮。", "zh")
    assert liked.forbidden.claims == ("price", "stock", "authenticity", "fibre")
    assert liked.note["votes"] == {"up": 2, "down": 1}
    assert (disliked.expected.unlike, disliked.expected.like) == ("是帆布。", None)
    assert disliked.note["reasons"] == ["不对"]
    assert photoless.photos == ()
