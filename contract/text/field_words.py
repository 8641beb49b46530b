"""What an error says of a field: its name, and what a person calls it, in the asker's language."""

import re
from typing import Literal

Fault = Literal[
    "missing", "unknown", "repeated", "too_long", "too_many", "too_many_photos", "value"
]
# Between a Latin word and a Chinese one stands a space: 用户 id 超过了….
_CLOSE = re.compile("(?<=[a-z])(?=[\u4e00-\u9fff])")
# By the last name of a place such as `messages.0.content`. A field that only programmers know goes
# by its name alone.
_WORDS = {
    "content": ("the text of a message", "消息内容"),
    "file": ("the file", "文件"),
    "Idempotency-Key": ("the idempotency key", "幂等键"),
    "image": ("the photo", "照片"),
    "image_id": ("the id of the upload", "上传照片的 id"),
    "image_url": ("the photo", "照片"),
    "input": ("the input", "输入内容"),
    "input_file_id": ("the id of the file", "文件的 id"),
    "interaction_id": ("the id of the answer", "回答的 id"),
    "language": ("the language", "语言"),
    "max_completion_tokens": ("the longest answer", "回答长度上限"),
    "max_tokens": ("the longest answer", "回答长度上限"),
    "messages": ("the conversation", "对话"),
    "model": ("the model", "模型"),
    "photo": ("the photo", "照片"),
    "prompt": ("the question", "问题"),
    "purpose": ("the purpose of the file", "文件用途"),
    "question": ("the question", "问题"),
    "reason": ("the reason", "理由"),
    "role": ("the role of a message", "消息的角色"),
    "text": ("the text", "文字"),
    "url": ("the photo", "照片"),
    "user": ("the id of the user", "用户 id"),
    "vote": ("the vote", "评价"),
}
# Of a field with a word of its own, of one that goes by its name, and of one that is not named.
_EN = {
    "missing": (
        "{words} is missing (field '{name}').",
        "The field '{name}' is missing.",
        "A field is missing.",
    ),
    "unknown": ("", "There is no field '{name}'.", "A field is unknown."),
    "repeated": (
        "{words} is given more than once (field '{name}').",
        "The field '{name}' is given more than once.",
        "A field is given more than once.",
    ),
    "too_long": (
        "{words} is longer than {limit:,} characters (field '{name}').",
        "The field '{name}' is longer than {limit:,} characters.",
        "A field is longer than {limit:,} characters.",
    ),
    "too_many": (
        "{words} has more than {limit:,} entries (field '{name}').",
        "The field '{name}' has more than {limit:,} entries.",
        "A field has more than {limit:,} entries.",
    ),
    "too_many_photos": ("", "More than {limit} photos are shown (field '{name}').", ""),
    "value": (
        "{words} cannot be accepted (field '{name}').",
        "The field '{name}' cannot be accepted.",
        "A field cannot be accepted.",
    ),
}
_ZH = {
    "missing": ("缺少{words}（字段 {name}）。", "缺少字段 {name}。", "缺少字段。"),
    "unknown": ("", "没有名为 {name} 的字段。", "有未知的字段。"),
    "repeated": (
        "{words}只能出现一次（字段 {name}）。",
        "字段 {name} 只能出现一次。",
        "有字段重复出现。",
    ),
    "too_long": (
        "{words}超过了 {limit} 个字符（字段 {name}）。",
        "字段 {name} 超过了 {limit} 个字符。",
        "有字段超过了 {limit} 个字符。",
    ),
    "too_many": (
        "{words}超过了 {limit} 项（字段 {name}）。",
        "字段 {name} 超过了 {limit} 项。",
        "有字段超过了 {limit} 项。",
    ),
    "too_many_photos": ("", "照片超过了 {limit} 张（字段 {name}）。", ""),
    "value": (
        "{words}不符合要求（字段 {name}）。",
        "字段 {name} 不符合要求。",
        "有字段不符合要求。",
    ),
}


def complaint(param: str | None, fault: Fault, language: str, limit: int = 0) -> str:
    """One sentence, in Chinese where `language` is `zh`, else in English. `param`: the place of the
    field in the client's form, None where it may not be repeated. `limit`: of what is too long, in
    characters, or of what has too many entries."""
    chinese = language == "zh"
    worded, named, nameless = (_ZH if chinese else _EN)[fault]
    if param is None:
        return nameless.format(limit=limit)
    words = _words(param)
    if words is None or not worded:
        return named.format(name=param, limit=limit)
    said = worded.format(words=words[chinese], name=param, limit=limit)
    if chinese:
        return _CLOSE.sub(" ", said)
    return said[0].upper() + said[1:]


def not_supported(what: str, language: str) -> str:
    """Of what a client asks for by one of OpenAI's names."""
    return f"不支持“{what}”。" if language == "zh" else f"'{what}' is not supported."


def _words(param: str) -> tuple[str, str] | None:
    names = [step for step in param.split(".") if not step.isdigit()]
    return _WORDS.get(names[-1]) if names else None
