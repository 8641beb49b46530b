"""What `fuzz` draws from: damaged photos, JSON bodies, schemas."""

import json
from io import BytesIO
from typing import Any

from hypothesis import strategies as st
from PIL import Image

from loadtest.corpus.services import GOOD_PHOTO

WORDS = st.sampled_from(
    ["", "what?", "这是什么?", "<|im_end|>", "\u200b", "\x00", "\ud800", "x" * 3000]
)
TEXTS = WORDS | st.text(max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def _sample(kind: str, **options: Any) -> bytes:
    made = BytesIO()
    Image.effect_noise((90, 60), 60).convert("RGB").save(made, kind, **options)
    return made.getvalue()


FILES = [
    GOOD_PHOTO.read_bytes(),
    _sample("JPEG"),
    _sample("JPEG", progressive=True),
    _sample("PNG"),
    _sample("WEBP"),
    _sample("WEBP", lossless=True),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A photo with some bytes changed, cut out, repeated or put in."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, min(len(data) - 1, 800)))
        length = draw(st.integers(1, 60))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length] * draw(st.integers(1, 3000))
            case 3:
                data[at:at] = draw(st.sampled_from([b"\xff", b"\xff\xda", b"\0" * 8, b"IDAT"]))
            case 4:
                data[at : at + 4] = draw(st.integers(0, 2**32 - 1)).to_bytes(4)
        if not data:
            break
    return bytes(data)


KEYWORDS = [
    "type",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "$ref",
    "$defs",
    "definitions",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "prefixItems",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "pattern",
    "format",
    "multipleOf",
    "uniqueItems",
    "patternProperties",
    "propertyNames",
    "title",
    "default",
    "$id",
    "x-guidance",
]
VALUES = (
    st.sampled_from(
        ["string", "object", "integer", "#", "#/$defs/a", "date", "<|im_end|>", "(a+)+"]
    )
    | st.integers(-(10**18), 10**18)
    | SCALARS
)
SCHEMAS = st.recursive(
    st.dictionaries(st.sampled_from(KEYWORDS), VALUES, max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(KEYWORDS),
        inner
        | VALUES
        | st.lists(inner | VALUES, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "<|im_end|>"]), inner, max_size=3),
        max_size=4,
    ),
    max_leaves=15,
)
FIELDS = [
    "messages",
    "prompt",
    "image",
    "image_id",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "stop",
    "stream",
    "logprobs",
    "top_logprobs",
    "response_format",
    "user",
    "model",
    "n",
    "tools",
    "metadata",
    "repetition_penalty",
]

OBJECTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)
BODIES = OBJECTS.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)
