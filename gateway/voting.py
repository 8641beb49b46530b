"""The way of one vote: read it, check who votes, record it. Counting it is the tally's work: the
interaction that it is about may not have reached the database yet."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from contract.errors import RequestTimeout
from gateway.feedback.form import Thumb, parse_thumb
from gateway.feedback.limit import VoteLimit
from gateway.log.interaction import Interaction
from gateway.log.recorder import Recorder


@dataclass
class Voting:
    recorder: Recorder
    deadline_ms: int
    limit: VoteLimit = field(default_factory=VoteLimit)

    async def vote(self, read: Callable[[], Awaitable[bytes]], interaction: Interaction) -> Thumb:
        """The vote, once it is recorded. Whether it counts it does not tell, nor whether there is
        such an interaction: another's are nobody else's business."""
        async with self.recorder.recorded(interaction):
            try:
                async with asyncio.timeout(self.deadline_ms / 1000):
                    body = await read()
            except TimeoutError:
                raise RequestTimeout from None
            thumb = parse_thumb(body)
            caller = interaction.caller = replace(interaction.caller, user=thumb.user)
            self.limit.check(f"{caller.tenant} {caller.session or caller.user or ''}")
            interaction.parent = thumb.interaction_id
            if not caller.is_new:  # a session that begins now has asked nothing to vote on
                interaction.vote = {"vote": thumb.vote, "reason": thumb.reason}
            return thumb
