"""The way of one vote: read it, check who votes, record it. The tally counts it later, because the
interaction that it is about may not have reached the database yet."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from contract.request import told_in_the_language_of
from gateway.feedback.form import Vote, parse_vote
from gateway.feedback.limit import VoteLimit
from gateway.log.interaction import Interaction
from gateway.log.outbox.recorder import Recorder
from gateway.usecases.deadline import arrived
from gateway.usecases.screening import Screening


@dataclass
class Voting:
    screening: Screening
    recorder: Recorder
    deadline_ms: int
    limit: VoteLimit = field(default_factory=VoteLimit)

    async def vote(
        self, read: Callable[[], Coroutine[Any, Any, bytes]], interaction: Interaction
    ) -> Vote:
        """The vote, once it is recorded. It says neither whether the vote counts nor whether there
        is such an interaction: others' interactions are nobody else's business."""
        async with self.recorder.recorded(interaction):
            vote = parse_vote(await arrived(read(), self.deadline_ms))
            caller = interaction.caller = replace(interaction.caller, user=vote.user)
            with told_in_the_language_of({"reason": vote.reason}):
                self.limit.check(f"{caller.tenant} {caller.session or caller.user or ''}")
            if vote.reason is not None and not self.screening.text_passes(vote.reason, interaction):
                # It may tell of a harmful answer in that answer's own words: the vote counts.
                vote = replace(vote, reason=None)
            interaction.parent = vote.interaction_id
            if not caller.is_new:  # a session that begins now has asked nothing to vote on
                interaction.vote = {"vote": vote.value, "reason": vote.reason}
            return vote
