"""JSON schemas as masks over the vocabulary: which token may come next. Uses llguidance, but not
its torch helper: that compiles on first use and blocks the engine for 15 s, so numpy unpacks
masks."""

from collections import OrderedDict
from copy import copy
from threading import Lock
from typing import Any

import numpy as np
import torch

from contract.errors import InvalidSchema
from contract.schema import FIELD
from inference.model.checkpoint import Checkpoint
from inference.model.schemas import SchemaCompiler, Vocabulary

# Compiled schemas; one of 500 properties has about 1 MB.
REMEMBERED_SCHEMAS = 32


class GrammarCompiler:
    def __init__(self, checkpoint: Checkpoint) -> None:
        self.vocabulary = _vocabulary(checkpoint)
        self._compiler = SchemaCompiler(self.vocabulary)
        self._compiled: OrderedDict[str, Any] = OrderedDict()
        self._lock = Lock()

    def compile(self, schema: str) -> "Grammar":
        """Raises InvalidSchema. Only for a schema that a helper has tried: nothing ends it here. Do
        not call it on the engine thread: a large schema takes tens of ms."""
        with self._lock:
            matcher = self._compiled.get(schema)
        if matcher is None:
            matcher = self._compiler.compile(schema)
        with self._lock:
            self._compiled[schema] = matcher
            self._compiled.move_to_end(schema)
            if len(self._compiled) > REMEMBERED_SCHEMAS:
                self._compiled.popitem(last=False)
            return Grammar(matcher.deep_copy(), self.vocabulary.size)


def _vocabulary(checkpoint: Checkpoint) -> Vocabulary:
    tokenizer = copy(checkpoint.tokenizer.backend_tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    added = checkpoint.tokenizer.added_tokens_decoder.values()
    return Vocabulary(
        tokenizer.to_str(),
        checkpoint.module.config.text_config.vocab_size,
        [checkpoint.tokenizer.eos_token_id],
        [str(token) for token in added],
    )


class Grammar:
    """The state of one answer in its schema. Where it turns out that no answer fits, InvalidSchema
    is raised: that is the schema's fault, not the replica's."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary

    def mask(self) -> torch.Tensor:
        """Bool [vocabulary]: true for tokens that may come next. The end token may, once the answer
        is complete."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        if self._matcher.is_error():
            raise InvalidSchema(FIELD)
        allowed = np.unpackbits(bits, bitorder="little")[: self._vocabulary]
        return torch.from_numpy(allowed.astype(bool))

    def accept(self, token_id: int) -> None:
        if not self._matcher.consume_token(token_id):
            raise InvalidSchema(FIELD)
