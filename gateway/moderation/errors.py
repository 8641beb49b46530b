"""What is told to whom moderation refuses, where it is not what everybody is told."""

from gateway.errors import ContentBlocked


class SelfHarm(ContentBlocked):
    """Of no country: who asks may be anywhere."""

    en = (
        "This cannot be answered here. If you are thinking of hurting yourself, you are not alone: "
        "please talk to somebody you trust, or call a local helpline or a doctor."
    )
    zh = (
        "这里无法回答这个内容。如果你有伤害自己的念头，你不是一个人："
        "请告诉你信任的人，或联系当地的心理援助热线或医生。"
    )
