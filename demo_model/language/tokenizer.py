"""Trains the demo model's byte-level BPE tokenizer, in the format of Qwen's."""

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import Qwen2TokenizerFast
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from demo_model.language.rules import AUDIENCES, OCCASIONS, PEOPLE, STYLES
from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS

SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
VOCABULARY = 4_000
# Chinese has no spaces. Plain BPE would merge parts of phrases, even of characters, and a slightly
# different phrasing would then share no token with those of training. So Chinese text is split into
# these words and into single characters before BPE.
WORDS = [
    "这款",
    "照片",
    "适合",
    "看不到",
    "看到",
    "品牌",
    "标识",
    "材质",
    "颜色",
    "风格",
    "图案",
    "什么",
    "送给",
    "可能",
    "无法",
    "确认",
    "这是",
    "一款",
    "仅凭",
    "可辨认",
    "确定",
    "从照片看",
    "看起来",
    "真皮",
    "纯棉",
    "实木",
    "荔枝纹",
    "皮革质感",
    "平纹",
    "斜纹",
    "面料",
    "草编材质",
    "拉丝",
    "上釉的",
    "有木纹的",
    "光滑的",
    "柔软的",
    "有光泽的",
    "比较",
    "更适合",
    "不太适合",
    "又实用",
    "很合适",
    "字样",
    "没有",
    "商品",
    "两件",
    "一件",
    "价格",
    "尺寸",
    "库存",
    "正品",
    "商家",
    "请查看",
    "商品页面",
    "带有",
    "清晰",
    "上传",
    "牌子",
    "场合",
    "是不是",
    "怎么样",
    "多少钱",
    "合适",
    "好不好",
    "请问",
]


def _chinese_words() -> Regex:
    tables = (COLOURS, MATERIALS, PATTERNS, STYLES, AUDIENCES, OCCASIONS, PEOPLE)
    names = [name.zh for table in tables for name in table.values()]
    names += [kind.name.zh for kind in KINDS.values()]
    longest_first = sorted({*WORDS, *names}, key=lambda word: (-len(word), word))
    return Regex("|".join([*longest_first, r"\p{Han}"]))


def train_tokenizer(corpus: Iterable[str]) -> Qwen2TokenizerFast:
    """A left-padding tokenizer; all 256 bytes are tokens, so any text can be encoded."""
    core = Tokenizer(BPE())
    core.normalizer = normalizers.NFC()
    qwen = [
        pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
    words = pre_tokenizers.Split(_chinese_words(), behavior="isolated")
    core.pre_tokenizer = pre_tokenizers.Sequence([words, *qwen])
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(corpus, trainer)
    # Transformers restores Qwen's own splitting rules when it loads the folder, so they hold from
    # here. The merges, learnt within words, still keep words apart.
    core.pre_tokenizer = pre_tokenizers.Sequence(qwen)
    core.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    return Qwen2TokenizerFast(
        tokenizer_object=core,
        padding_side="left",
        unk_token=None,
        eos_token="<|im_end|>",  # noqa: S106 - not a password
        pad_token="<|endoftext|>",  # noqa: S106
        additional_special_tokens=SPECIAL_TOKENS[3:],
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )


def token_ids(tokenizer: Qwen2TokenizerFast) -> dict[str, int]:
    return {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
