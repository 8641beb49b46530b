"""What an error says of a field: its name, and what a person calls it, in the asker's language."""

from typing import Literal

Fault = Literal["missing", "unknown", "value"]
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
_EN = {
    "missing": ("{} is missing (field '{}').", "The field '{}' is missing.", "A field is missing."),
    "unknown": ("", "There is no field '{}'.", "A field is unknown."),
    "value": (
        "{} cannot be accepted (field '{}').",
        "The field '{}' cannot be accepted.",
        "A field cannot be accepted.",
    ),
}
_ZH = {
    "missing": ("缺少{}（字段 {}）。", "缺少字段 {}。", "缺少字段。"),
    "unknown": ("", "没有名为 {} 的字段。", "有未知的字段。"),
    "value": ("{}不符合要求（字段 {}）。", "字段 {} 不符合要求。", "有字段不符合要求。"),
}


def complaint(param: str | None, fault: Fault, language: str) -> str:
    """One sentence, in Chinese where `language` is `zh`, else in English. `param`: the place of the
    field in the client's form, None where it may not be repeated."""
    chinese = language == "zh"
    worded, named, nameless = (_ZH if chinese else _EN)[fault]
    if param is None:
        return nameless
    words = _words(param)
    if words is None or not worded:
        return named.format(param)
    said = worded.format(words[chinese], param)
    return said[0].upper() + said[1:]


def not_supported(what: str, language: str) -> str:
    """Of what a client asks for by one of OpenAI's names."""
    return f"不支持“{what}”。" if language == "zh" else f"'{what}' is not supported."


def _words(param: str) -> tuple[str, str] | None:
    names = [step for step in param.split(".") if not step.isdigit()]
    return _WORDS.get(names[-1]) if names else None
