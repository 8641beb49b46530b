"""JSON schemas as masks over the vocabulary: which token may come next. Uses llguidance, but not
its torch helper: that compiles on first use and blocks the engine for 15 s, so numpy unpacks
masks."""

import json
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer

from contract.errors import InvalidSchema
from inference.model.checkpoint import Checkpoint

# Keywords that intersect languages, see _refuse_intersections.
INTERSECTING = {"allOf", "not", "if", "pattern", "patternProperties", "propertyNames"}


class GrammarCompiler:
    def __init__(self, checkpoint: Checkpoint) -> None:
        self._vocabulary = checkpoint.module.config.text_config.vocab_size
        self._tokenizer = from_tokenizer(checkpoint.tokenizer, n_vocab=self._vocabulary)

    def compile(self, schema: str) -> "Grammar":
        """Raises InvalidSchema. Do not call it on the engine thread: a large schema takes tens of
        ms."""
        _refuse_intersections(json.loads(schema))
        try:
            grammar = LLMatcher.grammar_from_json_schema(
                json.loads(schema), overrides={"whitespace_flexible": False}
            )
        except ValueError:
            raise InvalidSchema("response_format") from None
        matcher = LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise InvalidSchema("response_format")
        return Grammar(matcher, self._vocabulary)


def _refuse_intersections(schema: Any) -> None:
    """A few hundred bytes of intersecting patterns compile endlessly and take gigabytes. No limit
    of llguidance stops that, so schemas with such keywords are refused."""
    level = [schema]
    while level:
        if any(isinstance(item, dict) and INTERSECTING & item.keys() for item in level):
            raise InvalidSchema("response_format")
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]


class Grammar:
    """The state of one answer in its schema."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary

    def mask(self) -> torch.Tensor:
        """Bool [vocabulary]: true for tokens that may come next. The end token may, once the answer
        is complete."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: self._vocabulary]
        return torch.from_numpy(allowed.astype(bool))

    def accept(self, token_id: int) -> None:
        if not self._matcher.consume_token(token_id):
            raise RuntimeError(f"token outside the grammar: {self._matcher.get_error()}")
