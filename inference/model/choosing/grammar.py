"""JSON schemas as masks over the vocabulary: which token may come next. Uses llguidance, but not
its torch helper: that compiles on first use and blocks the engine for 15 s, so numpy unpacks
masks."""

from collections import OrderedDict
from copy import copy
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import torch

from contract.errors import InvalidSchema
from contract.schema import FIELD
from inference.model.checkpoint import Checkpoint
from inference.model.choosing.schemas import SchemaCompiler, Vocabulary

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


@cache
def _bits_of_byte(device: torch.device) -> torch.Tensor:
    """Bool [256, 8], the lowest bit first."""
    table = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
    return torch.from_numpy(table.astype(bool)).to(device)


class Grammar:
    """The state of one answer in its schema. Where it turns out that no answer fits, InvalidSchema
    is raised: that is the schema's fault, not the replica's."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary

    def mask(self, device: torch.device) -> torch.Tensor:
        """Bool [vocabulary], on the device: true for tokens that may come next. The end token may,
        once the answer is complete."""
        packed = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        if self._matcher.is_error():
            raise InvalidSchema(FIELD)
        # A byte for eight tokens goes to the device, where a table makes eight bools of it.
        indexes = torch.tensor(packed).to(device).int()
        return _bits_of_byte(device)[indexes].view(-1)[: self._vocabulary]

    def accept(self, token_id: int) -> None:
        if not self._matcher.consume_token(token_id):
            raise InvalidSchema(FIELD)
