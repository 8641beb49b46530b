from contract import errors, http_protocol
from contract.errors import ShopsightError
from contract.text.language import language_of, preferred_language
from gateway import errors as gateway_errors
from gateway.canary import errors as canary_errors
from gateway.images.remote import errors as remote_errors


def leaves(base: type[ShopsightError] = ShopsightError) -> list[type[ShopsightError]]:
    below = [leaf for child in base.__subclasses__() for leaf in leaves(child)]
    return ([base] if "code" in vars(base) and base is not ShopsightError else []) + below


def test_every_error_has_a_code_of_its_own_and_both_languages() -> None:
    codes = [leaf.code for leaf in leaves()]
    assert len(codes) == len(set(codes)) > 20
    for leaf in leaves():
        assert 400 <= leaf.status < 600
        # A field, the scope that is missing, or why a canary is refused.
        for argument in canary_errors.WHY if leaf is canary_errors.CanaryRefused else ("ask",):
            error = leaf(argument)
            assert error.body("zh")["error"]["message"] != error.body("en")["error"]["message"]


def test_the_tree_in_the_docstring_names_every_error() -> None:
    modules = (errors, gateway_errors, canary_errors, remote_errors, http_protocol)
    told = " ".join(module.__doc__ or "" for module in modules)
    for leaf in leaves():
        if leaf is not errors.ModelNotFound:
            assert leaf.__name__ in told, leaf


def test_the_shape_is_openais() -> None:
    assert errors.InvalidField("question").body("en")["error"].keys() == {
        "message",
        "type",
        "code",
        "param",
    }


def test_only_full_servers_and_hasty_callers_are_asked_to_retry() -> None:
    for leaf in leaves():
        hasty = leaf in (gateway_errors.RequestUnderWay, remote_errors.ImageUrlChanged)
        hasty = hasty or leaf.status == 429
        assert (leaf.retry_after_s is not None) == (hasty or leaf.status == 503)


def test_the_asker_s_language_is_seen() -> None:
    assert language_of("这个 LV 包是真皮吗?") == "zh"
    assert language_of("Is it leather?") == "en"
    assert language_of("?! 42") == "other"
    assert preferred_language("fr, zh-CN;q=0.9, en;q=0.8") == "zh"
    assert preferred_language(None) == "en"
