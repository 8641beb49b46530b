"""A replica: a Qwen3-VL checkpoint behind the HTTP contract. It never imports gateway."""
