"""Logits → the next token of one row, and its log-probabilities. The order is that of transformers'
`generate`: repetition penalty, grammar, temperature, top-k, top-p."""

from collections.abc import Callable

import torch
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from contract.completion import Sampling
from contract.response import TokenLogprob
from inference.model.grammar import Grammar


class Sampler:
    """Samples the tokens of one answer. It has its own random generator: with a seed it draws what
    `generate` would draw, in any batch."""

    def __init__(self, sampling: Sampling, prompt_ids: list[int], grammar: Grammar | None) -> None:
        self._sampling = sampling
        self._ids = list(prompt_ids)
        self._grammar = grammar
        self._generator: torch.Generator | None = None
        self._warpers = LogitsProcessorList()
        self._penalty: RepetitionPenaltyLogitsProcessor | None = None
        if sampling.repetition_penalty != 1:
            self._penalty = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)
        if sampling.temperature > 0:
            self._generator = torch.Generator()
            if sampling.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(sampling.seed)
            self._warpers.append(TemperatureLogitsWarper(float(sampling.temperature)))
            if sampling.top_k is not None:
                self._warpers.append(TopKLogitsWarper(sampling.top_k))
            if sampling.top_p < 1:
                self._warpers.append(TopPLogitsWarper(sampling.top_p))

    @property
    def argmax_suffices(self) -> bool:
        """Whether the next token is the most likely one, and neither state nor log-probabilities
        are needed. Then the caller may take the argmax and skip `sample`."""
        return not (self._generator or self._penalty or self._grammar or self._sampling.logprobs)

    def sample(self, logits: torch.Tensor) -> int:
        """The next token of `logits` [vocabulary], float32 on the CPU."""
        scores = logits[None]
        if self._penalty is not None:
            scores = self._penalty(torch.tensor([self._ids]), scores)
        if self._grammar is not None:
            scores = scores.masked_fill(~self._grammar.mask(), -torch.inf)
        if self._generator is None:
            token_id = int(scores.argmax())
        else:
            weights = self._warpers(None, scores).softmax(-1)
            token_id = int(torch.multinomial(weights, 1, generator=self._generator))
        self._ids.append(token_id)
        if self._grammar is not None:
            self._grammar.accept(token_id)
        return token_id

    def logprob(
        self, logits: torch.Tensor, token_id: int, bytes_of: Callable[[int], bytes]
    ) -> TokenLogprob | None:
        """The token's natural-log probability in the model's own distribution, before penalty,
        grammar and temperature; None when not requested."""
        if not self._sampling.logprobs:
            return None
        values = logits.log_softmax(-1)
        top = values.topk(self._sampling.top_logprobs)
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        others = tuple(TokenLogprob(bytes_of(other), value) for other, value in pairs)
        return TokenLogprob(bytes_of(token_id), float(values[token_id]), others)
