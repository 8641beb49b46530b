"""Chooses the next tokens of a pass's rows on the device, and fetches no more than them: the logits
of 16 rows are 9.7 MB, the tokens of 16 rows 64 bytes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from contract.errors import InvalidSchema
from contract.response import TokenLogprob
from inference.model.choosing.sampler import Sampler

NO_NUMBER = -1


@dataclass(frozen=True)
class Choice:
    """`token_id`: None where the model has computed NaN or infinity, or `error` tells why there is
    none. `logprob`: natural-log probability in the model's own distribution, before penalty,
    grammar and temperature; None unless the row asks for it. `others`: the most likely tokens with
    theirs."""

    token_id: int | None
    logprob: float | None = None
    others: tuple[tuple[int, float], ...] = ()
    error: InvalidSchema | None = None

    def told(self, bytes_of: Callable[[int], bytes]) -> TokenLogprob | None:
        if self.logprob is None or self.token_id is None:
            return None
        others = tuple(TokenLogprob(bytes_of(token), value) for token, value in self.others)
        return TokenLogprob(bytes_of(self.token_id), self.logprob, others)


@torch.inference_mode()  # type: ignore[untyped-decorator]
def choose(logits: torch.Tensor, samplers: Sequence[Sampler]) -> list[Choice]:
    """For each row of `logits` [rows, vocabulary], float32. The device is waited for once, at the
    end: until then the next token is only there."""
    on_device, errors = packed(logits, samplers)
    choices = _unpacked(on_device.cpu(), samplers)
    for row, error in errors.items():
        choices[row] = Choice(None, error=error)
    return choices


def packed(
    logits: torch.Tensor, samplers: Sequence[Sampler]
) -> tuple[torch.Tensor, dict[int, InvalidSchema]]:
    """All choices as one int32 tensor on the device: the tokens, then for each row that asks for it
    the log-probabilities, whose bits are kept, and the tokens beside the chosen one. Rows whose
    schema turns out to fit no answer are named apart: the others must not draw twice."""
    errors = {}
    highest, tokens = logits.max(-1)  # NaN is higher than any number
    for row, sampler in enumerate(samplers):
        if sampler.argmax_suffices:
            continue
        try:
            token = sampler.sample(logits[row : row + 1])
        except InvalidSchema as error:
            errors[row] = error
            continue
        tokens[row : row + 1] = token
    chosen = logits.gather(1, tokens[:, None])[:, 0]
    finite = highest.isfinite() & chosen.isfinite()
    parts = [torch.where(finite, tokens, NO_NUMBER).int()]
    for row, sampler in enumerate(samplers):
        if sampler.alternatives is not None:
            values = logits[row].log_softmax(-1)
            top = values.topk(sampler.alternatives)
            numbers = torch.cat([values[tokens[row : row + 1]], top.values])
            parts += [numbers.view(torch.int32), top.indices.int()]
    return torch.cat(parts), errors


def _unpacked(fetched: torch.Tensor, samplers: Sequence[Sampler]) -> list[Choice]:
    token_ids = fetched[: len(samplers)].tolist()
    at = len(samplers)
    choices = []
    for token_id, sampler in zip(token_ids, samplers, strict=True):
        known = None if token_id == NO_NUMBER else token_id
        count = sampler.alternatives
        if count is None:
            choices.append(Choice(known))
            continue
        logprob, *values = fetched[at : at + count + 1].view(torch.float32).tolist()
        others = fetched[at + count + 1 : at + 2 * count + 1].tolist()
        at += 2 * count + 1
        choices.append(Choice(known, logprob, tuple(zip(others, values, strict=True))))
    return choices
