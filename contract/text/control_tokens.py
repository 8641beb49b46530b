"""How models write their control tokens. A server that meets one in a text may take it for the
token itself: an end of a turn, or the place of a photo that nobody sent."""

import re

# <|im_end|>, <|image_pad|>, in full width <｜begin▁of▁sentence｜>, and those without bars.
_BARRED = r"[|｜].{0,60}?[|｜]"
_NAMED = (
    r"/?(?:s|bos|eos|pad|unk|mask|think|tool_call|tool_response|tools|start_of_turn|end_of_turn"
    r"|start_of_image|end_of_image|image_soft_token|image|img|img_context|video)"
)
_BRACKETED = r"/?(?:INST|SYS|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|IMG|IMG_BREAK|IMG_END)"
_FLAGS = re.IGNORECASE | re.DOTALL
CONTROL_TOKEN = re.compile(rf"<\s*{_BARRED}\s*>|<{_NAMED}>|\[{_BRACKETED}\]", _FLAGS)
"""Generous, for what is refused: also with spaces, as a careless tokenizer might read it."""
_OPENING = re.compile(rf"<(?={_BARRED}>|{_NAMED}>)|\[(?={_BRACKETED}\])", _FLAGS)


def without_control_tokens(text: str) -> str:
    """The same to read, with a space in each control token, so that no tokenizer takes it for one:
    `<|im_end|>` becomes `< |im_end|>`. Applied once more it changes nothing."""
    return _OPENING.sub(lambda opening: f"{opening[0]} ", text)
