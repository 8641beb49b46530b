"""User agents as they are sent."""

import pytest

from gateway.log.client import client_of


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("OpenAI/Python 3.54.0", "openai-python"),
        ("AsyncOpenAI/Python 3.54.0", "openai-python"),
        ("OpenAI/JS 6.1.0", "openai-node"),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28.1", "python"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "Mobile/15E148 MicroMessenger/8.0.49 NetType/WIFI MiniProgramEnv/iOS"
            " miniProgram/wx1",
            "mini-program",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126 Mobile MicroMessenger/8",
            "wechat",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "ios"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126 Mobile Safari/537.36", "android"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126 Edg/126", "desktop"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", "bot"),
        ("ShopApp/3.1 CFNetwork/1496 Darwin/23.5.0", "ios-app"),
        ("okhttp/4.12.0", "android-app"),
        ("teapot", "other"),
        ("", None),
    ],
)
def test_an_agent_has_a_class(agent: str, client: str | None) -> None:
    assert client_of(agent) == client
