"""JSON schemas compiled by llguidance, without torch: a replica's helpers try each schema with this
file before the replica itself compiles it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llguidance import LLMatcher, LLTokenizer

from contract.errors import InvalidSchema
from contract.sandbox.fork_server import Work
from contract.schema import FIELD, check_schema, texts


@dataclass(frozen=True)
class Vocabulary:
    """What llguidance must know of a checkpoint's tokenizer. `tokenizer`: tokenizer.json's content;
    `size`: of the model's logits; `control_tokens` are no text."""

    tokenizer: str
    size: int
    end_tokens: Sequence[int]
    control_tokens: Sequence[str]

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()


class SchemaCompiler:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._control_tokens = tuple(vocabulary.control_tokens)
        self._tokenizer = LLTokenizer(
            vocabulary.tokenizer, n_vocab=vocabulary.size, eos_token=list(vocabulary.end_tokens)
        )

    def compile(self, schema: str) -> Any:
        """A matcher at the beginning of an answer, which may begin in some way. Raises
        InvalidSchema."""
        wanted = json.loads(schema)
        check_schema(wanted)
        # llguidance takes a control token's text for the token, which is none of the answer's.
        if any(token in text for text in texts(wanted) for token in self._control_tokens):
            raise InvalidSchema(FIELD)
        try:
            grammar = LLMatcher.grammar_from_json_schema(
                wanted, overrides={"whitespace_flexible": False}
            )
        except ValueError:
            raise InvalidSchema(FIELD) from None
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        if not matcher.is_error():
            matcher.compute_bitmask()
        if matcher.is_error():  # none, or one that no answer fits
            raise InvalidSchema(FIELD)
        return matcher


def prepare(payload: bytes) -> Work:
    """The work of helpers; `payload` is a Vocabulary."""
    compiler = SchemaCompiler(Vocabulary(**json.loads(payload)))

    def work(_: dict[str, Any], schema: bytes) -> tuple[dict[str, Any], bytes]:
        compiler.compile(schema.decode())
        return {}, b""

    return work
