"""Asks a checkpoint questions, with its own tokenizer, chat template and processor."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

from demo_model.training.checkpoint import CHECKPOINT

LONGEST_ANSWER = 96


@dataclass
class Question:
    """A question about a photo, or without one, after earlier exchanges (question, answer)."""

    text: str
    photo: Image.Image | None = None
    earlier: list[tuple[str, str]] = field(default_factory=list)

    def messages(self) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = []
        for question, answer in self.earlier:
            turns.append({"role": "user", "content": [{"type": "text", "text": question}]})
            turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        turns.append({"role": "user", "content": [{"type": "text", "text": self.text}]})
        if self.photo is not None:
            turns[0]["content"].insert(0, {"type": "image"})
        return turns


class DemoChat:
    """A checkpoint in float32 on the CPU that decodes greedily."""

    def __init__(self, folder: Path = CHECKPOINT) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = AutoImageProcessor.from_pretrained(folder)
        self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()

    def answer(self, questions: list[Question]) -> list[str]:
        """Answer a batch in one `generate`."""
        prompts, photos = [], []
        for question in questions:
            prompt = self.tokenizer.apply_chat_template(
                question.messages(), tokenize=False, add_generation_prompt=True
            )
            if question.photo is not None:
                photo = self.processor([question.photo.convert("RGB")], return_tensors="pt")
                photos.append(photo)
                tokens = int(photo["image_grid_thw"].prod()) // self.processor.merge_size**2
                prompt = prompt.replace("<|image_pad|>", "<|image_pad|>" * tokens)
            prompts.append(prompt)
        inputs: dict[str, Any] = dict(self.tokenizer(prompts, padding=True, return_tensors="pt"))
        kinds = (inputs["input_ids"] == self.model.config.image_token_id).int()
        if photos:
            inputs["pixel_values"] = torch.cat([photo["pixel_values"] for photo in photos])
            inputs["image_grid_thw"] = torch.cat([photo["image_grid_thw"] for photo in photos])
        with torch.inference_mode():
            out = self.model.generate(
                **inputs, mm_token_type_ids=kinds, max_new_tokens=LONGEST_ANSWER, do_sample=False
            )
        start = inputs["input_ids"].shape[1]
        return [
            text.strip()
            for text in self.tokenizer.batch_decode(out[:, start:], skip_special_tokens=True)
        ]
