"""Token ids → pieces of text. It never splits a character, and holds back what may become a stop
string. Pure. The joined pieces equal the tokenizer's own `decode`."""

import codecs
from collections.abc import Callable


def _byte_of_char() -> dict[str, int]:
    """The inverse of GPT-2's table, which writes each byte of a token as a printable character."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(256 + index): byte for index, byte in enumerate(others)})
    return table


BYTE_OF_CHAR = _byte_of_char()


def token_bytes(token: str) -> bytes:
    """The bytes that a byte-level BPE token stands for."""
    return bytes(BYTE_OF_CHAR[char] for char in token)


class Detokenizer:
    """The text of one answer: `push` the ids in order, then `flush`. `stopped`: a stop string
    came."""

    def __init__(self, bytes_of: Callable[[int], bytes], stops: tuple[str, ...] = ()) -> None:
        self._bytes_of = bytes_of
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = stops
        self._held = ""
        self.stopped = False

    def push(self, token_id: int) -> str:
        """The text that is now certain; empty while a character or a stop string is unfinished."""
        return self._release(self._decoder.decode(self._bytes_of(token_id)))

    def flush(self) -> str:
        """The rest of the text, at the end of the answer."""
        text = self._release(self._decoder.decode(b"", final=True)) + self._held
        self._held = ""
        return text

    def _release(self, text: str) -> str:
        if self.stopped:
            return ""
        text = self._held + text
        stop_indexes = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if stop_indexes:
            self.stopped, self._held = True, ""
            return text[: min(stop_indexes)]
        held_chars = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held_chars :]
        return text[: len(text) - held_chars]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest suffix of `text` that is a proper prefix of `stop`."""
    for size in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
