import pytest

from gateway.config import Settings
from gateway.errors import InvalidKey
from gateway.identity.callers import ANONYMOUS_TENANT, Callers
from gateway.identity.keys import hash_key, new_key
from gateway.identity.sessions import SESSION_COOKIE

KEY = new_key()


def callers(**settings: object) -> Callers:
    keys = f"# comment\nacme {hash_key(KEY)}\n\n"
    return Callers(Settings(_env_file=None, **{"api_keys": keys, **settings}))  # type: ignore[arg-type]


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_a_key_names_its_tenant() -> None:
    caller = callers().identify(bearer(KEY), {})
    assert (caller.tenant, caller.session) == ("acme", None)
    assert callers().identify({"authorization": f"bearer  {KEY} "}, {}).tenant == "acme"


@pytest.mark.parametrize(
    "sent",
    ["Bearer sk-wrong", f"Basic {KEY}", KEY, "Bearer", "Bearer "],
    ids=["wrong", "basic", "bare", "empty", "blank"],  # a key is another one in each worker
)
def test_a_wrong_key_is_refused_even_where_anonymous_shoppers_may_ask(
    sent: str,
) -> None:
    with pytest.raises(InvalidKey):
        callers().identify({"authorization": sent}, {})


def test_without_configured_keys_the_key_of_an_openai_client_is_not_looked_at() -> None:
    caller = callers(api_keys="").identify(bearer("EMPTY"), {})
    assert caller.tenant == ANONYMOUS_TENANT


def test_no_key_is_refused_where_anonymous_shoppers_are_denied() -> None:
    with pytest.raises(InvalidKey):
        callers(anonymous="deny").identify({}, {})


def test_a_session_lasts_over_requests() -> None:
    who = callers()
    first = who.identify({}, {})
    cookie = who.cookie(first)
    assert cookie is not None
    assert "HttpOnly" in cookie
    jar = {SESSION_COOKIE: cookie.split(";")[0].split("=", 1)[1]}
    again = who.identify({}, jar)
    assert again.session == first.session
    assert who.cookie(again) is None


@pytest.mark.parametrize("value", ["", "abc", "abc.def", "a" * 5000])
def test_a_forged_session_is_not_taken(value: str) -> None:
    assert callers().identify({}, {SESSION_COOKIE: value}).session != value.split(".")[0]


def test_a_session_signed_by_another_secret_is_not_taken() -> None:
    other = callers(session_secret="other")
    cookie = other.cookie(first := other.identify({}, {}))
    assert cookie is not None
    jar = {SESSION_COOKIE: cookie.split(";")[0].split("=", 1)[1]}
    assert callers(session_secret="ours").identify({}, jar).session != first.session


def test_a_cookie_padded_past_its_length_is_no_session_and_is_not_remembered() -> None:
    who = callers()
    cookie = who.cookie(who.identify({}, {}))
    assert cookie is not None
    value = cookie.split(";")[0].split("=", 1)[1]
    assert who.identify({}, {SESSION_COOKIE: value}).is_new is False
    for junk in range(1, 50):
        # The signer skips what is no base64, so each of these is signed as far as it can tell.
        assert who.identify({}, {SESSION_COOKIE: value + "!" * 1000 * junk}).is_new
    assert who._sessions._unsign.cache_info().currsize == 1
