"""Leaves of the error tree that only the administration of canaries raises.

ClientError: 409 CanaryRefused
Unavailable: 503 (Retry-After) CanaryLogUnavailable
"""

from typing import Literal

from contract.errors import ClientError, Unavailable

Why = Literal["open", "none", "same", "not_ready", "baseline", "evaluation", "moved"]

WHY: dict[Why, tuple[str, str]] = {
    "open": (
        "A canary is open already. Promote it or roll it back first.",
        "已有灰度发布在进行，请先全量发布或回滚。",
    ),
    "none": ("There is no canary to do that with.", "当前没有可操作的灰度发布。"),
    "same": (
        "The new revision and the one it is compared with are the same.",
        "新版本与对照版本相同。",
    ),
    "not_ready": (
        "No ready replica serves the new revision.",
        "没有就绪的副本提供该新版本。",
    ),
    "baseline": (
        "Not exactly one other revision gets callers: say which one is the baseline.",
        "当前接收流量的其他版本不是恰好一个，请指明对照版本。",
    ),
    "evaluation": (
        "The new revision has failed the shop's own evaluation, so no caller is given it.",
        "新版本未通过店铺自己的评测，因此不会分给任何用户。",
    ),
    "moved": (
        "Something else was decided meanwhile. Look at the status, and decide again.",
        "期间已有其他决定生效，请查看状态后重新操作。",
    ),
}


class CanaryRefused(ClientError):
    """`why` is one of our own words."""

    status = 409
    code = "canary_refused"

    def __init__(self, why: Why) -> None:
        super().__init__()
        self.why: Why = why

    def message(self, language: str) -> str:
        return WHY[self.why][language == "zh"]


class CanaryLogUnavailable(Unavailable):
    code = "canary_log_unavailable"
    en = "The database does not answer, so nothing can be decided that has to be written down."
    zh = "数据库没有响应，无法记录决定，因此未执行。"
    retry_after_s = 10  # a database restarts in about that time
