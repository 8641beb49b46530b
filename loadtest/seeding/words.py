"""What the shoppers of the seeded log ask, show, use and say. See `loadtest.seeding.shoppers`."""

import hashlib

QUESTIONS = (
    "这是什么品牌?",
    "这是真皮吗?",
    "适合送给妈妈吗?",
    "多少钱?",
    "这是什么颜色的?",
    "能机洗吗?",
    "这个锅能在电磁炉上用吗?",
    "配什么裤子好看?",
    "装得下A4文件吗?",
    "是正品吗?",
    "Is it real leather?",
    "What brand is it?",
    "Would it suit my mother?",
    "How do I clean it?",
    "What is it?",
    "Is it waterproof?",
)
PHOTOS = tuple(hashlib.sha256(f"photo {n}".encode()).hexdigest() for n in range(400))
REVISIONS = ("v1.0-qwen3vl8b", "v1.1-fp16")
ROUTES = ("/v1/chat/completions", "/v1/ask")
CLIENTS = (("ios", "android", "desktop", "wechat", "mini-program"), ("openai-python", "curl"))
REFUSED = (("unsupported_image_type", 3), ("content_blocked", 2), ("image_undecodable", 1))
FAILED = (("overloaded", 3), ("deadline_exceeded", 2), ("replica_failed", 1))
PRODUCT_KINDS = ("手提包", "运动鞋", "dress", "保温杯", "sofa", "手表")
CLAIMS = ("红色手提包", "leather boots", "适合办公室的椅子", "waterproof jacket")
REASONS = ("wrong colour", "not helpful", None)
# Answers in Chinese and English to what a photo cannot show, by intent.
UNSEEN = {
    "authenticity": (
        "仅凭照片无法判断是否正品。",
        "A photo alone cannot prove that it is genuine.",
    ),
    "price": ("照片里看不到价格。", "The photo does not show a price."),
    "size": ("仅凭照片无法判断尺寸。", "A photo alone cannot tell the size."),
    "brand": ("看不到可辨认的品牌标识。", "I cannot tell the brand: there is no readable logo."),
}
