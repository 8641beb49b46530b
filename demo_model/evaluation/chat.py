"""Asks a checkpoint questions, with its own tokenizer, chat template and processor."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

from contract.text.canonical import canonical, plain
from demo_model.training.checkpoint import CHECKPOINT

LONGEST_ANSWER = 128
LIKELIEST = 12  # first tokens whose probabilities are asked for


@dataclass
class Question:
    """A question about a photo, or without one, after earlier exchanges (question, answer).

    `second`: another photo, which came with turn `second_at`."""

    text: str
    photo: Image.Image | None = None
    earlier: list[tuple[str, str]] = field(default_factory=list)
    system: str = ""
    second: Image.Image | None = None
    second_at: int = 0

    @property
    def photos(self) -> list[Image.Image]:
        return [photo for photo in (self.photo, self.second) if photo is not None]

    def messages(self) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = []
        for question, answer in [*self.earlier, (self.text, "")]:
            asked = canonical(question)
            turns.append({"role": "user", "content": [{"type": "text", "text": asked}]})
            turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        turns.pop()
        if self.second is not None:
            turns[2 * self.second_at]["content"].insert(0, {"type": "image"})
        if self.photo is not None:
            turns[0]["content"].insert(0, {"type": "image"})
        if self.system:
            content = [{"type": "text", "text": plain(self.system)}]
            turns.insert(0, {"role": "system", "content": content})
        return turns


class DemoChat:
    """A checkpoint in float32 on the CPU that decodes greedily."""

    def __init__(self, folder: Path = CHECKPOINT) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = AutoImageProcessor.from_pretrained(folder)
        self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()

    def answer(self, questions: list[Question]) -> list[str]:
        """Answer a batch in one `generate`."""
        inputs = self._inputs(questions)
        with torch.inference_mode():
            out = self.model.generate(**inputs, max_new_tokens=LONGEST_ANSWER, do_sample=False)
        start = inputs["input_ids"].shape[1]
        return [
            text.strip()
            for text in self.tokenizer.batch_decode(out[:, start:], skip_special_tokens=True)
        ]

    def first_tokens(self, questions: list[Question]) -> list[list[tuple[str, float]]]:
        """The likeliest first tokens of each answer with their log-probabilities."""
        inputs = self._inputs(questions)
        with torch.inference_mode():
            logits = self.model(**inputs, logits_to_keep=1).logits[:, -1]
        values, tokens = logits.float().log_softmax(-1).topk(LIKELIEST)
        return [
            [(self.tokenizer.decode([token]), value) for token, value in zip(*row, strict=True)]
            for row in zip(tokens.tolist(), values.tolist(), strict=True)
        ]

    def _inputs(self, questions: list[Question]) -> dict[str, Any]:
        prompts, photos = [], []
        for question in questions:
            prompt = self.tokenizer.apply_chat_template(
                question.messages(), tokenize=False, add_generation_prompt=True
            )
            for image in question.photos:
                photo = self.processor([image.convert("RGB")], return_tensors="pt")
                photos.append(photo)
                tokens = int(photo["image_grid_thw"].prod()) // self.processor.merge_size**2
                prompt = prompt.replace("<|image_pad|>", "<|image|>" * tokens, 1)
            prompts.append(prompt.replace("<|image|>", "<|image_pad|>"))
        inputs: dict[str, Any] = dict(self.tokenizer(prompts, padding=True, return_tensors="pt"))
        kinds = (inputs["input_ids"] == self.model.config.image_token_id).int()
        if photos:
            inputs["pixel_values"] = torch.cat([photo["pixel_values"] for photo in photos])
            inputs["image_grid_thw"] = torch.cat([photo["image_grid_thw"] for photo in photos])
        return {**inputs, "mm_token_type_ids": kinds}
