"""The baseline ("floor") of the gateway's benchmark: a plain FastAPI handler. It parses, decodes
base64, hashes, asks Redis once, and forwards on a miss. It has no log, no limits, no screening."""

import base64
import hashlib
import os
from typing import Any

import httpx
from fastapi import FastAPI, Request
from redis.asyncio import Redis

app = FastAPI()
redis: Redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
http = httpx.AsyncClient(timeout=60, trust_env=False)
replica = os.environ.get("REPLICAS", "")


@app.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Any:
    body = await request.json()
    photo, question = body["messages"][0]["content"]
    data = base64.b64decode(photo["image_url"]["url"].partition(",")[2])
    key = hashlib.sha256(data + question["text"].encode()).hexdigest()
    cached = await redis.get(key)
    if cached is None:
        answer = await http.post(f"{replica}/v1/chat/completions", json=body)
        text = answer.json()["choices"][0]["message"]["content"]
        await redis.set(key, text, ex=3600)
    else:
        text = cached.decode()
    message = {"role": "assistant", "content": text}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}
