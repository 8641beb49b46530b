"""Rules of ops come into force while a gateway runs."""

from pathlib import Path

from tests.service.usecases.test_answer import Start
from tests.support.asking import chat, photo, post
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica


def test_a_new_rule_is_in_force_without_a_restart_and_screens_what_is_cached(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    gateway = start_gateway(
        replicas=stub.url, moderation_rules=str(rules), moderation_reload_s="0.05"
    )
    stub.answer = "看起来是神秘宝石。"
    for cache in ("miss", "hit"):
        assert post(gateway, chat("这是什么?", photo())).headers["x-cache"] == cache
    body = 'version = "1"\n[[rules]]\ncategory = "advert"\nphrases = ["神秘宝石"]\n'
    (rules / "ours.toml").write_text(body)

    def blocked() -> bool:
        return post(gateway, chat("有神秘宝石吗", photo())).status_code == 422

    wait_until("rule in force", blocked)
    answer = post(gateway, chat("这是什么?", photo()))
    assert answer.headers["x-cache"] == "miss"
    assert answer.json()["choices"][0]["finish_reason"] == "content_filter"
    (rules / "broken.toml").write_text("version = 3")
    assert blocked()
