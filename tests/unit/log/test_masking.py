"""What names a person is taken out of text; what names goods stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.log.masking import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我的电话是13812345678,联系我", "我的电话是[phone],联系我"),
        ("加微信13812345678行吗", "加微信[phone]行吗"),
        ("138 1234 5678", "[phone]"),
        ("+86 138-1234-5678", "[phone]"),
        ("008613812345678", "[phone]"),
        ("１３８１２３４５６７８", "[phone]"),
        ("店里电话010-12345678", "店里电话[phone]"),
        ("(021)12345678", "(021)12345678"),  # without a space or dash it may be anything
        ("(021) 12345678", "[phone]"),
        ("call +44 20 7946 0958 please", "call [phone] please"),
        ("call (555) 867-5309 or 555-867-5310", "call [phone] or [phone]"),
        ("身份证11010519491231002X", "身份证[id]"),
        ("110105194912310021 是我的", "[id] 是我的"),
        ("card 4111 1111 1111 1111.", "card [card]."),
        ("卡号6222021001122334455吗", "卡号6222021001122334455吗"),  # the check digit is wrong
        ("6222021001116245702", "[card]"),
        ("mail me: anna.b+shop@example.co.uk!", "mail me: [email]!"),
        ("邮箱zhang＠example.com", "邮箱[email]"),
    ],
)
def test_numbers_and_addresses_of_people_are_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "这是真皮吗?适合送给妈妈吗?",
        "原价1299.00元,现价899元",
        "6901234567892",  # a bar code
        "型号 SKU13812345678X",
        "1920x1080 还是 3840x2160?",
        "2026-11-22 18:00:00",
        "size 38-40, 100-110 cm",
        "12.13812345678",
        "width 1234567890123456 mm",  # no card: the check digit is wrong
        "@kelvo on the label",
        "5-6-7-8-9-10-11",
    ],
)
def test_prices_sizes_codes_and_dates_stay(text: str) -> None:
    assert masked(text) == text


@given(st.text(alphabet="a好1359 -.+(@８", max_size=60))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@given(st.text("ab 好,。?", max_size=10), st.text("ab 好,。?", max_size=10))
def test_a_phone_number_is_found_wherever_it_stands(before: str, after: str) -> None:
    before = before.rstrip("ab")
    after = after.lstrip("ab")
    assert "13987654321" not in masked(f"{before}13987654321{after}")
