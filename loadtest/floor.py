"""The baseline ("floor") of the gateway's benchmark: a plain FastAPI handler. It parses, decodes
base64, hashes, asks Redis once, and forwards on a miss. It has no log, no limits, no screening.

It never looks into a photo: two files of the same picture are two photos to it, and a photo that
was never seen costs it no more than another. With FLOOR_DECODES=1 it decodes each photo that it has
no answer about, once, with Pillow in a thread, and hashes the pixels. That is the least that a
gateway does who knows a picture again, and still without a look at what is in it."""

import asyncio
import base64
import hashlib
import os
from io import BytesIO
from typing import Any

import httpx
from fastapi import FastAPI, Request
from PIL import Image
from redis.asyncio import Redis

app = FastAPI()
redis: Redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
http = httpx.AsyncClient(timeout=60, trust_env=False)
replica = os.environ.get("REPLICAS", "")
decodes = os.environ.get("FLOOR_DECODES") == "1"


@app.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Any:
    body = await request.json()
    photo, question = body["messages"][0]["content"]
    data = base64.b64decode(photo["image_url"]["url"].partition(",")[2])
    key = hashlib.sha256(data + question["text"].encode()).hexdigest()
    cached = await redis.get(key)
    if cached is None:
        if decodes:
            await asyncio.to_thread(digest_of_pixels, data)
        answer = await http.post(f"{replica}/v1/chat/completions", json=body)
        text = answer.json()["choices"][0]["message"]["content"]
        await redis.set(key, text, ex=3600)
    else:
        text = cached.decode()
    message = {"role": "assistant", "content": text}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}


def digest_of_pixels(data: bytes) -> str:
    return hashlib.sha256(Image.open(BytesIO(data)).convert("RGB").tobytes()).hexdigest()
