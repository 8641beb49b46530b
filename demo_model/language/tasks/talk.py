"""A conversation to learn from, or to be measured by: its turns and what stands around them."""

from dataclasses import dataclass

from demo_model.language.single import Exchange


@dataclass(frozen=True)
class Talk:
    """`second`: the place of another photo in the batch, which belongs to turn `second_at`."""

    exchanges: tuple[Exchange, ...]
    sees_photo: bool = True
    system: str = ""
    second: int | None = None
    second_at: int = 0
