"""What a question, a card and a match are asked with."""

import re

from contract.completion import CompletionRequest, Turn
from contract.response import Delta, Finished
from contract.text.canonical import plain
from contract.turns import MAX_INSTRUCTION_CHARS
from gateway.cache.key import answer_key
from gateway.identity.scopes import ANONYMOUS, USUAL
from gateway.log.products import product_columns, product_kind
from gateway.usecases.tasks import PHOTO_MATCH, PRODUCT_CARD, QUESTION
from tests.support import ROOT

TASKS = (QUESTION, PRODUCT_CARD, PHOTO_MATCH)
TEMPLATE = ROOT / "demo_model" / "training" / "chat_template.jinja"


def test_our_instructions_are_what_every_server_reads() -> None:
    for task in TASKS:
        assert plain(task.system) == task.system, "a replica changes nothing of it"
        assert len(task.system) <= MAX_INSTRUCTION_CHARS


def test_the_demo_checkpoint_leaves_them_out() -> None:
    """It takes others for a client's, whose language and length it keeps to."""
    found = re.search(r"text\.startswith\('([^']+)'\)", TEMPLATE.read_text(encoding="utf-8"))
    assert found is not None
    assert all(task.system.startswith(found[1]) for task in TASKS)


def test_each_task_has_keys_of_its_own() -> None:
    typed = CompletionRequest((Turn("user", "red bag"),), None, language="en")
    same = QUESTION.request(typed)
    digests = {answer_key(same, "i", "r", "n", task.version).digest for task in TASKS}
    assert len(digests) == 3
    assert answer_key(same, "i", "r", "n").prompt_version == QUESTION.version


def test_a_blank_answer_is_not_given_to_the_next_who_asks() -> None:
    assert QUESTION.usable(Delta("皮"), Finished("stop"))
    assert not QUESTION.usable(Delta(" \n"), Finished("length"))


def test_who_may_ask_may_have_cards_and_scores() -> None:
    assert {task.scope for task in TASKS} <= USUAL & ANONYMOUS


def test_a_product_s_kind_can_be_grouped_by() -> None:
    assert product_kind(" Hand\u3000 BAG ") == "hand bag"
    assert product_kind("ＨＡＮＤＢＡＧ") == "handbag"
    assert product_kind(None) is None
    assert product_kind("\u2003") is None
    assert product_kind("call 13812345678") == "call [phone]"
    assert len(product_kind("x" * 200) or "") == 64
    assert product_columns(None) == {"product_kind": None, "match_score": None}
