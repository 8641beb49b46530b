"""Logits → the next token of one row, on the device. The order is that of transformers' `generate`:
repetition penalty, grammar, temperature, top-k, top-p."""

import torch
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from contract.completion import Sampling
from inference.model.choosing.grammar import Grammar


class Sampler:
    """Samples the tokens of one answer. It has its own random generator: with a seed it draws what
    `generate` would draw on that device, in any batch."""

    def __init__(self, sampling: Sampling, prompt_ids: list[int], grammar: Grammar | None) -> None:
        self._sampling = sampling
        self._prompt_ids = prompt_ids
        self._ids: torch.Tensor | None = None
        """[1, n], on the device: prompt and answer so far. Only the penalty needs them."""
        self._token: torch.Tensor | None = None
        """Drawn, and not accepted yet."""
        self._grammar = grammar
        self._generator: torch.Generator | None = None
        self._warpers = LogitsProcessorList()
        self._penalty: RepetitionPenaltyLogitsProcessor | None = None
        if sampling.repetition_penalty != 1:
            self._penalty = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)
        if sampling.temperature > 0:
            self._warpers.append(TemperatureLogitsWarper(float(sampling.temperature)))
            if sampling.top_k is not None:
                self._warpers.append(TopKLogitsWarper(sampling.top_k))
            if sampling.top_p < 1:
                self._warpers.append(TopPLogitsWarper(sampling.top_p))

    @property
    def argmax_suffices(self) -> bool:
        """Whether the next token is the most likely one, and no state is needed. Then the caller
        may take the argmax and skip `sample` and `accept`."""
        return not (self._sampling.temperature > 0 or self._penalty or self._grammar)

    @property
    def alternatives(self) -> int | None:
        """How many of the most likely tokens are told beside the chosen one, with their
        log-probabilities. None: not even that of the chosen one."""
        return self._sampling.top_logprobs if self._sampling.logprobs else None

    def sample(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token [1] of `logits` [1, vocabulary], float32. It stays on the device, and
        nothing waits for it. The same again until it is accepted: a pass that is done anew draws
        no second time."""
        if self._token is not None:
            return self._token
        scores = logits
        if self._penalty is not None:
            if self._ids is None:
                self._ids = torch.tensor([self._prompt_ids]).to(logits.device)
            scores = self._penalty(self._ids, scores)
        if self._grammar is not None:
            scores = scores.masked_fill(~self._grammar.mask(logits.device), -torch.inf)
        if self._sampling.temperature > 0:
            scores = self._warpers(None, scores).softmax(-1)
            # What torch.multinomial does, without its look at whether these are probabilities:
            # where they are NaN, CUDA would be lost.
            noise = torch.empty_like(scores).exponential_(generator=self._generator_on(logits))
            scores = scores / noise
        self._token = scores.argmax(-1)
        return self._token

    def accept(self, token_id: int) -> None:
        """The token that was sampled last is the answer's. Raises InvalidSchema."""
        if self._ids is not None and self._token is not None:
            self._ids = torch.cat([self._ids, self._token[None]], dim=-1)
        self._token = None
        if self._grammar is not None:
            self._grammar.accept(token_id)

    def _generator_on(self, logits: torch.Tensor) -> torch.Generator:
        if self._generator is None:
            self._generator = torch.Generator(device=logits.device)
            if self._sampling.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(self._sampling.seed)
        return self._generator
