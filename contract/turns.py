"""The messages of OpenAI's form → turns and the photos among them, each text checked."""

import re
import unicodedata
from dataclasses import dataclass, replace

from contract.completion import Turn
from contract.errors import InvalidField
from contract.forms import (
    MAX_EARLIER_TURNS,
    MAX_INSTRUCTIONS,
    EarlierAnswer,
    ImagePart,
    Message,
    RefusalPart,
    TextPart,
)
from contract.images import EncodedImage, parse_image_text

# Characters of a shopper's turn. A question has about 20; a caption pasted with it some hundred.
MAX_TURN_CHARS = 2000
# All turns of shopper and model together; about ten questions with their answers.
MAX_CONVERSATION_CHARS = 12_000
# All instructions together. Ours, which a replica gets beside them, has about 500.
MAX_INSTRUCTION_CHARS = 4000
# Of a conversation. Each takes up to 1,024 tokens of the model's context.
MAX_PHOTOS = 4
# Of the address of a photo. Signed ones of object stores have up to 2,000 characters.
MAX_URL_CHARS = 4096
# Control characters that pasted text has: of terminals, and line and page breaks of Word and PDF.
_PASTED = "\t\n\r\x0b\x0c\x1b\x85"
# The name of an upload, where a photo is expected.
_IMAGE_ID = re.compile(r"img_[0-9a-f]{32}")


class MisplacedId(InvalidField):
    """Of an upload, in a field for a photo's own bytes."""

    en = "That is the id of an upload; it belongs in 'image_id'."
    zh = "这是已上传照片的 id，请放在 image_id 中。"


@dataclass(frozen=True)
class Photo:
    """A photo, or the id of an upload, or an address on the web; and its place in the client's
    form."""

    place: str
    image: EncodedImage | None = None
    image_id: str | None = None
    image_url: str | None = None
    user_turn: int = 0
    """Which of the user's turns shows it."""


def read_photo(text: str, place: str, *, by_id: bool | None = None) -> Photo:
    """`by_id`: whether an id is expected; None where a photo may be there as well. An https address
    is not looked at here: who fetches photos says which it allows. Raises the named errors of what
    is none of these."""
    if by_id is not False and _IMAGE_ID.fullmatch(text):
        return Photo(place, image_id=text)
    if by_id:
        raise InvalidField(place)
    if by_id is False and _IMAGE_ID.fullmatch(text):
        raise MisplacedId(place)
    if text[:8].lower() == "https://" and len(text) <= MAX_URL_CHARS:
        return Photo(place, image_url=text)
    return Photo(place, parse_image_text(text, place))


def read_messages(messages: list[Message | EarlierAnswer]) -> tuple[tuple[Turn, ...], list[Photo]]:
    """Raises InvalidField and the errors of a photo."""
    turns: list[Turn] = []
    photos: list[Photo] = []
    last_shown: list[Photo] = []
    for index, message in enumerate(messages):
        place = f"messages.{index}.content"
        if isinstance(message, EarlierAnswer):
            turns.append(Turn("assistant", _answer_text(message, place), index))
            continue
        parts = _parts(message.content)
        user_turn = sum(turn.role == "user" for turn in turns)
        shown: list[Photo] = []
        for number, part in enumerate(parts):
            part_place = f"{place}.{number}"
            if isinstance(part, RefusalPart):
                raise InvalidField(f"{part_place}.type")
            if isinstance(part, ImagePart):
                url_place = f"{part_place}.image_url.url"
                if message.role != "user":
                    raise InvalidField(url_place)
                if len(shown) == MAX_PHOTOS:
                    raise InvalidField(url_place, fault="too_many_photos", limit=MAX_PHOTOS)
                photo = read_photo(part.image_url.url, url_place)
                shown.append(replace(photo, user_turn=user_turn))
        # Clients that send the photo again with each of their turns show nothing new by it.
        if shown and [_file(photo) for photo in shown] != [_file(photo) for photo in last_shown]:
            if len(photos) + len(shown) > MAX_PHOTOS:
                place = shown[MAX_PHOTOS - len(photos)].place
                raise InvalidField(place, fault="too_many_photos", limit=MAX_PHOTOS)
            photos += shown
            last_shown = shown
        text = "\n".join(part.text for part in parts if isinstance(part, TextPart))
        if shown and not text.strip() and index + 1 < len(messages):
            continue  # a photo sent by itself: the user's next turn, with its words, shows it
        if message.role == "user":
            turns.append(Turn("user", checked_text(text, place), index))
        else:
            text = checked_text(text, place, MAX_INSTRUCTION_CHARS)
            turns.append(Turn("system", text, index))
    _check_amount(turns)
    return tuple(turns), photos


def _file(photo: Photo) -> EncodedImage | str | None:
    return photo.image or photo.image_id or photo.image_url


def checked_text(text: str, param: str, max_chars: int = MAX_TURN_CHARS) -> str:
    """Refuse blank, over-long or unprintable text: lone surrogates, NUL, only zero-width marks."""
    if len(text) > max_chars:
        raise InvalidField(param, fault="too_long", limit=max_chars)
    visible = False
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs" or (category == "Cc" and char not in _PASTED):
            raise InvalidField(param)
        visible = visible or category[0] not in "CZ"
    if not visible:
        raise InvalidField(param, fault="missing")
    return text


def _parts(
    content: str | list[TextPart | ImagePart | RefusalPart],
) -> list[TextPart | ImagePart | RefusalPart]:
    return [TextPart(type="text", text=content)] if isinstance(content, str) else content


def _answer_text(answer: EarlierAnswer, place: str) -> str:
    """As long as the conversation allows, and of whatever characters: a model wrote it. A blocked
    answer is empty."""
    if answer.content is None:
        return answer.refusal or ""
    texts = []
    for number, part in enumerate(_parts(answer.content)):
        if isinstance(part, ImagePart):
            raise InvalidField(f"{place}.{number}.type")
        texts.append(part.text if isinstance(part, TextPart) else part.refusal)
    return "\n".join(texts)


def _check_amount(turns: list[Turn]) -> None:
    instructions = [turn for turn in turns if turn.role == "system"]
    spoken = [turn for turn in turns if turn.role != "system"]
    if turns[-1].role != "user" or len(instructions) > MAX_INSTRUCTIONS:
        raise InvalidField("messages")
    if len(spoken) > (limit := MAX_EARLIER_TURNS + 1):
        raise InvalidField("messages", fault="too_many", limit=limit)
    if _chars(instructions) > MAX_INSTRUCTION_CHARS:
        place = f"messages.{instructions[-1].message}.content"
        left = MAX_INSTRUCTION_CHARS - _chars(instructions[:-1])
        raise InvalidField(place, fault="too_long", limit=left)
    if _chars(spoken) > MAX_CONVERSATION_CHARS:
        raise InvalidField("messages", fault="too_long", limit=MAX_CONVERSATION_CHARS)


def _chars(turns: list[Turn]) -> int:
    return sum(len(turn.text) for turn in turns)
