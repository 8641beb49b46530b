"""What the lane for questions that are not urgent may take from shoppers: slots, and time of the
engine. Pure, with times in seconds of any one clock."""

from dataclasses import dataclass

from contract.errors import Overloaded

# Where shoppers take all slots, the lane gets one of them after so long without one that it had to
# the end, and keeps it for one answer. BATCH_QUEUE_LIMIT times this is less than BATCH_DEADLINE_MS.
# A worker's lines have BATCH_LINE_DEADLINE_MS, half of it where another replica is left.
STARVED_S = 60.0
# Of the moving means of how long passes take: about the last ten passes count.
NEWEST_WEIGHT = 0.1


class BatchLaneFull(Overloaded):
    """Shoppers' questions are taken all the same."""

    code = "batch_lane_full"
    en = "Too many questions wait in the batch lane. Please send this one again later."
    zh = "批处理通道已满，请稍后再发送。"


@dataclass(frozen=True)
class LaneLimits:
    queue_limit: int = 32
    """Questions that wait in the lane."""
    reserved_slots: int | None = None
    """The lane never takes the last so many free slots; None: a quarter of all."""
    share: float = 0.05
    """Of the engine's time, that the lane may take while shoppers are in flight."""
    prefill_tokens: int = 128
    """At most so many prompt tokens of the lane in a pass."""

    def may_take_slot(self, slots: int, used: int) -> bool:
        """Whether the lane may take one more of `slots`. It always may take the first one."""
        reserved = slots // 4 if self.reserved_slots is None else self.reserved_slots
        return slots - used > min(reserved, slots - 1)


class LaneTime:
    """How much time the lane has had beside shoppers. What it takes is a debt, of which shoppers'
    passes pay off the lane's share. With a debt it has to pause: so of any stretch of time with
    shoppers in flight it gets its share, and one pass more at most."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._debt_s = 0.0
        self._pass_s: dict[int, float] = {}
        """Rows in a pass over answers → how long it takes, as a moving mean."""

    def may_run(self, shoppers: bool) -> bool:
        """`shoppers`: whether any is in flight or waits."""
        return not shoppers or (self._share > 0 and self._debt_s <= 0)

    def record(self, took_s: float, lane_s: float, shoppers: bool) -> None:
        """A pass took `took_s`, of which `lane_s` were the lane's."""
        if not shoppers:  # whoever comes during the lane's last pass has waited for its end
            self._debt_s = took_s
        else:
            self._debt_s = max(self._debt_s + lane_s - self._share * took_s, 0.0)

    def record_decode(self, took_s: float, rows: int, lane_rows: int, shoppers: bool) -> None:
        """A pass over answers, of which `lane_rows` were the lane's. It is charged what the pass
        would have been shorter without them: little on a GPU, where a pass reads all weights
        whatever its rows are, and much on a CPU."""
        without = rows - lane_rows
        # Until a pass of so few rows has been seen, each row counts alike.
        shorter_s = self._pass_s.get(without, took_s * without / rows)
        self.record(took_s, max(took_s - shorter_s, 0.0) if lane_rows else 0.0, shoppers)
        known_s = self._pass_s.get(rows, took_s)
        self._pass_s[rows] = known_s + NEWEST_WEIGHT * (took_s - known_s)
