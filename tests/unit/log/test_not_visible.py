import pytest

from contract.products.answers import CardAnswer, MatchAnswer
from contract.products.card import ProductCard
from gateway.log.texts.not_visible import cannot_see


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("照片里看不到价格，请查看商品页面。", "price"),
        ("仅凭照片无法判断是否正品，建议向商家核实。", "authenticity"),
        ("这款包看上去是皮革,但无法确定品牌。尺寸也看不出来。", "brand,size"),
        ("这是一张图画，看不出材质。", "fibre"),
        ("A photo alone cannot tell the size. Please check the product page.", "size"),
        ("The photo does not show the stock. Please ask the shop.", "stock"),
        ("It carries no readable brand mark, so I cannot tell the brand.", "brand"),
        ("It's about $12.50, but I can't see a price tag.", "price"),
        ("I cannot see a cat.", "other"),
        ("这款包看起来是皮革，适合送给妈妈。", None),
        ("Yes, it would suit your mother. Please ask the shop about sizes.", None),
        ("", None),
        (None, None),
    ],
)
def test_an_answer_s_own_words_tell_what_its_photo_cannot_show(
    answer: str | None, names: str | None
) -> None:
    assert cannot_see(answer, None) == names


def test_a_card_has_a_list_of_it_and_a_match_says_nothing() -> None:
    blank = {"category": "bag", "style": None, "not_visible": ["brand"]}
    names = ("materials", "audience", "colours", "occasions", "visible_text")
    lists: dict[str, list[str]] = {name: [] for name in names}
    card = CardAnswer(ProductCard.model_validate({**blank, **lists}), {})
    assert cannot_see("{}", card) == "authenticity,brand,fibre,price,stock"
    assert cannot_see("看不到", CardAnswer(None, {})) is None, "it was blocked"
    assert cannot_see("不是，看不到", MatchAnswer(0.1)) is None


def test_the_longest_list_fits_its_column() -> None:
    every = "看不到价格、库存、品牌、正品、材质、尺寸、文字、商品。I cannot see a cat."
    found = cannot_see(every, None)
    assert found is not None
    assert (found.count(","), len(found) <= 64) == (8, True)
