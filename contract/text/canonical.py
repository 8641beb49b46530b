"""The one text of a question. The model is asked exactly this, and the answer cache's key names
exactly this: nobody's way of typing changes what the next asker is given. Pure.

Folded is what changes no meaning; whatever might stays apart, at the price of one more answer:

- looks and unseen characters (`contract.text.looks`), Unicode's ways of composing a letter (NFC);
- white space: one space between words, none around the text;
- control tokens, which are made plain (`contract.text.control_tokens`): `< |im_end|>`;
- spaces between Chinese and Latin letters or digits, which some keyboards set and others do not;
- dashes in a row, which are one;
- marks: whichever stand at the end, it is one question mark behind a word, as most shoppers type it
  ("这是真皮" and "这是真皮!!" are asked as "这是真皮？"). Full width is a look: `,` `?` `!` have it
  behind a Chinese word, where the demo checkpoint reads them a little better, and nowhere else;
- letter case at the start of a sentence only: its first letter is a capital ("is it red" is asked
  as "Is it red?"), `i` alone is `I`, and a text that is typed in capitals altogether is not. Case
  means something elsewhere: US and us, IT and it, Polish and polish, brands, models, units; and
  among Chinese, Japanese or Korean words, which have none, a Latin one in capitals is a name.
"""

import re
import unicodedata
from dataclasses import replace

from contract.completion import CompletionRequest, Turn
from contract.text.control_tokens import without_control_tokens
from contract.text.looks import ENCLOSED, PLAIN, TEXT_EMOJI, ranges, without_unseen

# Some letters in clothes are emoji where a selector follows: ℹ️ Ⓜ️ 🅿️.
_EMOJI = frozenset(re.findall(f"[{TEXT_EMOJI}]", "".join(map(chr, PLAIN))))
_LOOKS = re.compile(
    f"[{''.join(_EMOJI)}](?!\ufe0f)|[{ranges(PLAIN.keys() - set(map(ord, _EMOJI)))}]"
)
# Numbers in circles, and keys of a telephone (1️⃣): one look, one number.
_CIRCLES = ranges(ENCLOSED)
_NUMBERS = re.compile(
    f"(?P<before>\\d?)(?P<run>(?:[{_CIRCLES}]\u20e3*|[0-9]\u20e3+)+)(?P<after>\\d?)"
)
_KEY = "\u20e3"
_CIRCLED = re.compile(f"[{_CIRCLES}{_KEY}]")
# What may stand behind a question without asking anything. Some are emoji, with a selector or not.
CLOSING = "?!.。…⋯‥~〜‼⁇⁈⁉‽؟⸮❓❔❗❕、,;— "
_SELECTOR = "\ufe0f"
_WIDE = {",": "，", "?": "？", "!": "！"}
_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_BEHIND_HAN = re.compile(f"(?<=[{_HAN}])[,?!]")
_LETTER = "[A-Za-z\u00c0-\u024f]"
# Between numerals of two kinds a space tells two numbers apart: 20 一件.
_NUMERAL = "[〇零一二两三四五六七八九十百千万亿半]"
_SET_APART = re.compile(
    f"(?<=[{_HAN}]) (?={_LETTER})|(?<={_LETTER}) (?=[{_HAN}])"
    f"|(?<=[{_HAN}])(?<!{_NUMERAL}) (?=[0-9])|(?<=[0-9]) (?=[{_HAN}])(?!{_NUMERAL})"
)
_DASHES = re.compile("[-—―]{2,}")
_REPEATED = re.compile(r"[?!]{2,}")
_ENDS_WITH_A_WORD = re.compile(r"[\w)\]}）】」』》\"'%°℃℉]\Z")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
# The pronoun, behind a word that only English has there: in other languages `i` is another word.
_I = re.compile(
    r"i(?=$|[ ,;?!])(?:(?<=^i)|(?<=\b(?:can|may|did|how|and|but) i)|(?<=\b(?:when|what|must) i)"
    r"|(?<=\b(?:will|that|have) i)|(?<=\b(?:could|would|might|where) i)|(?<=\bshould i)"
    r"|(?<=\b(?:do|if) i))|i(?='(?:m|d|ll|ve)\b)(?<!\Si)"
)
_OPENING = re.compile(r"[\"'(\[¿¡ ]*([^\W\d_]+)")
# In capitals, two words with one of these are a sentence; four are one anyway. LG OLED TV is none.
_ASKING = (
    "WHAT WHICH WHO WHOM WHOSE WHERE WHEN WHY HOW IS ARE WAS DOES DO DID CAN COULD WILL WOULD"
    " SHOULD THIS THAT THESE THOSE MY YOUR TELL SHOW DESCRIBE PLEASE"
)
_ASKING_WORDS = frozenset(_ASKING.split())
SENTENCE_WORDS = 4


def canonical(question: str) -> str:
    """The text to ask, never empty; the same for every way of typing the same question. Applied
    once more it changes nothing. Linear: 2,000 characters take 0.2 ms."""
    text = _DASHES.sub("—", _SET_APART.sub("", plain(question)))
    text = _REPEATED.sub(lambda marks: "?" if "?" in marks[0] else "!", _without_closing(text))
    text = _with_sentence_case(text)
    if not text:
        return "?"
    text = f"{text}?" if _ENDS_WITH_A_WORD.search(text) else text
    # Last: looks and unseen characters may have hidden a control token until now.
    return without_control_tokens(_BEHIND_HAN.sub(lambda mark: _WIDE[mark[0]], text))


def plain(text: str) -> str:
    """Without looks and what is unseen, in NFC, white space single: for what is no question."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = unicodedata.normalize("NFC", text)
    text = without_unseen(_without_looks(text))
    if _CIRCLED.search(text):
        text = _NUMBERS.sub(_number, text)
    return " ".join(unicodedata.normalize("NFC", text).split())


def canonical_turns(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """What a conversation is asked as. What the model has said stays as it was said, but for
    control tokens: that it was said by the model is the client's word."""
    return tuple(replace(turn, text=_of_role(turn)) for turn in turns)


def canonical_request(asked: CompletionRequest) -> CompletionRequest:
    """The same object where nothing changes."""
    turns = canonical_turns(asked.turns)
    return asked if turns == asked.turns else replace(asked, turns=turns)


def _of_role(turn: Turn) -> str:
    if turn.role == "user":
        return canonical(turn.text)
    whole = unicodedata.normalize("NFC", turn.text)
    return without_control_tokens(whole if turn.role == "assistant" else plain(turn.text))


def _without_looks(text: str) -> str:
    if "\ufe0f" not in text:
        return text.translate(PLAIN)
    return _LOOKS.sub(lambda look: PLAIN[ord(look[0])], text)


def _without_closing(text: str) -> str:
    end = len(text)
    while end:
        mark_at = end - 1
        if text[mark_at] == _SELECTOR:
            mark_at -= 1
        if mark_at < 0 or text[mark_at] not in CLOSING:
            break
        end = mark_at
    return text[:end]


def _number(found: re.Match[str]) -> str:
    """Digits in circles are one number with each other, and none with others (②5 is two)."""
    run = found["run"].replace(_KEY, "")
    single = "".join(char if char.isascii() else ENCLOSED[ord(char)] for char in run)
    if len(single) != len(run):  # ⑫③: numbers of more digits stand alone
        single = " ".join(char if char.isascii() else ENCLOSED[ord(char)] for char in run)
    before = f"{found['before']} " if found["before"] else ""
    return before + single + (f" {found['after']}" if found["after"] else "")


def _with_sentence_case(text: str) -> str:
    text = _with_capital(text)  # "a BIG RED BAG" is in capitals only now
    return _with_capital(text.lower()) if _in_capitals(text) else text


def _with_capital(text: str) -> str:
    text = _I.sub("I", text)
    first = _OPENING.match(text)
    if first is None or not first[1].islower():  # a digit, a name such as iPhone, no letter case
        return text
    at = first.start(1)
    capital = text[at].upper()
    if len(capital) != 1 or capital.lower() != text[at]:  # ß, ı
        return text
    return text[:at] + capital + text[at + 1 :]


def _in_capitals(text: str) -> bool:
    # A letter without case says nothing of how the others were typed: 请问 这个 是 LV 吗.
    if not text.isupper() or any(unicodedata.category(char) == "Lo" for char in text):
        return False
    words = _WORD.findall(text)
    return len(words) >= SENTENCE_WORDS or (len(words) > 1 and not _ASKING_WORDS.isdisjoint(words))
