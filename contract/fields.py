"""Fields of OpenAI's form that are not read. What changes nothing is ignored. What would change the
answer is refused by name. docs/integrators.md lists both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import PydanticCustomError

from contract.text.field_words import Fault

# The kind of pydantic's error that names what is not supported.
UNSUPPORTED = "unsupported"
# Longer names of unknown fields are not repeated.
MAX_NAME_CHARS = 64
_FAULTS: Mapping[str, Fault] = {
    "missing": "missing",
    "extra_forbidden": "unknown",
    "string_too_long": "too_long",
    "too_long": "too_many",  # of a list or an object
}


@dataclass(frozen=True)
class UnreadFields:
    """Of one object. `ignored`: at any value. `refused`: with the values, if any, at which a field
    changes nothing and is ignored."""

    ignored: frozenset[str] = frozenset()
    refused: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def left_out(self, given: dict[str, Any]) -> dict[str, Any]:
        """The fields that are to be read. A field that is null is absent."""
        read = {}
        for name, value in given.items():
            if value is None or name in self.ignored:
                continue
            if name not in self.refused:
                read[name] = value
            elif not any(_same(value, harmless) for harmless in self.refused[name]):
                raise unsupported(name, name)
        return read

    def added_to(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The JSON schema of an object's read fields, with the unread ones beside them, and with
        null for each field that may be absent: what a client may send."""
        read: dict[str, Any] = schema.get("properties", {})
        for name, field_schema in read.items():
            if name not in schema.get("required", ()) and {"type": "null"} not in field_schema.get(
                "anyOf", []
            ):
                told = {key: field_schema.pop(key) for key in _TOLD if key in field_schema}
                read[name] = {"anyOf": [field_schema, {"type": "null"}], **told}
        for name in sorted(self.ignored):
            read[name] = {"description": "Ignored: the answer is the same without."}
        for name, harmless in sorted(self.refused.items()):
            read[name] = {
                "description": "Not supported: 400 at any other value.",
                "enum": [*harmless, None],
            }
        return {**schema, "properties": read}


# Of a field's schema: what is said of the field, not of its value.
_TOLD = ("default", "description", "title")


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) and not isinstance(value, bool)  # true is not 1


def unsupported(what: str, step: str = "") -> PydanticCustomError:
    """An error that names `what` is asked for. `step`: from where it is raised to its field."""
    return PydanticCustomError(UNSUPPORTED, "not supported", {"what": what, "step": step})


def is_plain_name(name: str) -> bool:
    """Whether a field's name may be repeated to who sent it."""
    return name.isascii() and name.isidentifier() and len(name) <= MAX_NAME_CHARS


def fault_of(error: Mapping[str, Any]) -> tuple[Fault, int]:
    """What one of pydantic's errors says of its field, and the limit that it is beyond, else 0.
    Where a field may not be named, its error names what it stands in, of which that is not said."""
    fault, place = _FAULTS.get(error["type"], "value"), error["loc"]
    if fault in ("missing", "value"):
        return fault, 0
    named = len(place) == 1 or isinstance(place[-1], int) or is_plain_name(place[-1])
    if fault == "unknown":
        return (fault if named else "value"), 0
    # In angle brackets stands which member of a union it was: of the field before.
    limit: int = error["ctx"]["max_length"] if named or place[-1][:1] == "<" else 0
    return (fault, limit) if limit else ("value", 0)  # 0: of what is to be left empty


NOTHING = UnreadFields()
REQUEST = UnreadFields(
    ignored=frozenset(
        {
            "metadata",
            "parallel_tool_calls",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "store",
        }
    ),
    refused={
        "audio": (),
        "frequency_penalty": (0,),
        "function_call": ("none", "auto"),
        "functions": ([],),
        "logit_bias": ({},),
        "min_p": (0,),
        "modalities": (["text"],),
        "moderation": (),
        "n": (1,),
        "presence_penalty": (0,),
        "reasoning_effort": (),
        "tool_choice": ("none", "auto"),
        "tools": ([],),
        "verbosity": (),
        "web_search_options": (),
    },
)
STREAM_OPTIONS = UnreadFields(frozenset({"include_obfuscation"}))
# Of a client's own turn, and of an answer that it sends back as it got it.
MESSAGE = UnreadFields(frozenset({"name"}))
ANSWER = UnreadFields(
    ignored=frozenset({"annotations", "name", "parsed", "reasoning", "reasoning_content"}),
    refused={"audio": (), "function_call": (), "tool_calls": ([],)},
)
PART = UnreadFields(frozenset({"cache_control", "prompt_cache_breakpoint"}))
IMAGE_URL = UnreadFields(frozenset({"detail"}))
JSON_SCHEMA = UnreadFields(frozenset({"description", "strict"}))  # an answer always keeps to it

# Values that OpenAI's form knows, and that are refused by name.
REFUSED_ROLES = frozenset({"function", "tool"})
REFUSED_PARTS = frozenset({"audio_url", "file", "input_audio", "video_url"})
