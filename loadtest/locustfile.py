"""Simulated shoppers, for locust. Each visit asks one or more questions about one photo. A few
photos and questions make up most of the traffic, so that some questions repeat."""

import random
from pathlib import Path

from locust import HttpUser, between, task

SAMPLES = Path(__file__).parent.parent / "web" / "samples"
PHOTOS = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.glob("*.jpg"))]
QUESTIONS = [
    "这是什么?",
    "这是真皮吗?",
    "适合送给妈妈吗?",
    "是什么颜色?",
    "What is it made of?",
    "What is this?",
    "是什么材质的?",
    "Whom would it suit?",
    "这是什么品牌?",
    "适合什么场合?",
    "Describe it.",
    "是正品吗?",
]
# Zipf with exponent 1, as measured for product views: the n-th has 1/n of the first one's weight.
PHOTO_WEIGHTS = [1 / rank for rank in range(1, len(PHOTOS) + 1)]
QUESTION_WEIGHTS = [1 / rank for rank in range(1, len(QUESTIONS) + 1)]
# A shopper asks this many questions about one photo on average.
QUESTIONS_A_VISIT = 3


class Shopper(HttpUser):
    wait_time = between(0.05, 0.5)

    @task
    def visit(self) -> None:
        self.client.cookies.clear()
        (photo,) = random.choices(PHOTOS, PHOTO_WEIGHTS)
        for _ in range(random.randint(1, 2 * QUESTIONS_A_VISIT - 1)):
            (question,) = random.choices(QUESTIONS, QUESTION_WEIGHTS)
            self._ask(photo, question)

    def _ask(self, photo: tuple[str, bytes], question: str) -> None:
        name, data = photo
        with self.client.post(
            "/v1/ask",
            data={"question": question},
            files={"photo": (name, data, "image/jpeg")},
            catch_response=True,
        ) as answer:
            # The statistics have one row for each value of x-cache: hit, miss, joined.
            answer.request_meta["name"] = answer.headers.get("x-cache", "error")
            if answer.status_code != 200 or not answer.json()["text"]:
                answer.failure(f"status {answer.status_code}")
