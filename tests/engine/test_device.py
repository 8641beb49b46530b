"""On which device a checkpoint is loaded, and in which precision."""

import pytest
import torch

from inference.model.device import default_dtype


@pytest.mark.parametrize(("ampere", "dtype"), [(True, "bfloat16"), (False, "float16")])
def test_bfloat16_is_the_default_where_the_card_has_it(
    ampere: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card before Ampere emulates it, and says that it is supported."""

    def is_bf16_supported(including_emulation: bool = True) -> bool:
        return ampere or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert default_dtype("cuda:0") == dtype
    assert default_dtype("cpu") == "float32"
