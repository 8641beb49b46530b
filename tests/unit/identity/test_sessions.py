from collections.abc import Mapping

import pytest

from gateway.config import Settings
from gateway.identity.callers import Callers
from gateway.identity.sessions import ORIGIN_DIGITS, SESSION_COOKIE, SESSION_HEADER

CURL = {"user-agent": "curl/8.5.0"}
ADDRESS = "203.0.113.7"


@pytest.fixture
def who() -> Callers:
    return Callers(Settings(_env_file=None, session_secret="s" * 32))  # type: ignore[call-arg,arg-type]


def begun(who: Callers, headers: Mapping[str, str] = CURL, client: str = ADDRESS) -> str:
    session = who.identify(headers, {}, client).session
    assert session is not None
    assert len(session) == 32
    return session


def test_the_token_is_the_session_of_whoever_sends_it_back(who: Callers) -> None:
    first = who.identify(CURL, {}, ADDRESS)
    token = who.token(first)
    assert token is not None
    again = who.identify({**CURL, SESSION_HEADER: token}, {}, "198.51.100.1")
    assert (again.session, again.is_new) == (first.session, False)
    assert (who.token(again), who.cookie(again)) == (None, None)


def test_a_token_goes_before_a_cookie_unless_it_is_none_of_ours(who: Callers) -> None:
    one, two = who.identify(CURL, {}), who.identify(CURL, {})
    jar = {SESSION_COOKIE: who.token(two) or ""}
    assert who.identify({SESSION_HEADER: who.token(one) or ""}, jar).session == one.session
    for forged in ("", "x", f"{one.session}.abc", "a" * 5000):
        assert who.identify({SESSION_HEADER: forged}, jar).session == two.session
        assert who.identify({SESSION_HEADER: forged}, {}).is_new


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_gets_a_cookie_that_no_script_reads_and_no_token(
    who: Callers, site: str
) -> None:
    caller = who.identify({"sec-fetch-site": site}, {}, ADDRESS)
    assert who.token(caller) is None
    assert "HttpOnly" in (who.cookie(caller) or "")


def test_a_page_of_another_site_gets_a_token_since_its_browser_keeps_no_cookie(
    who: Callers,
) -> None:
    assert who.token(who.identify({"sec-fetch-site": "cross-site"}, {}, ADDRESS))


def test_sessions_of_one_client_begin_alike_and_are_never_the_same(who: Callers) -> None:
    first, again = begun(who), begun(who)
    assert first != again
    assert first[:ORIGIN_DIGITS] == again[:ORIGIN_DIGITS]


def test_another_agent_or_network_begins_otherwise(who: Callers) -> None:
    origins = [
        begun(who)[:ORIGIN_DIGITS],
        begun(who, {"user-agent": "curl/8.5.1"})[:ORIGIN_DIGITS],
        begun(who, {})[:ORIGIN_DIGITS],
        begun(who, CURL, "203.0.113.8")[:ORIGIN_DIGITS],
        begun(who, CURL, "2001:db8::1")[:ORIGIN_DIGITS],
    ]
    assert len(set(origins)) == len(origins)
    same_network = begun(who, CURL, "2001:db8::2")[:ORIGIN_DIGITS]
    assert same_network == origins[-1]


def test_nobody_is_followed_to_the_next_day(who: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_790_000_000.0)
    today = begun(who)
    monkeypatch.setattr("time.time", lambda: 1_790_000_000.0 + 86_400)
    assert begun(who)[:ORIGIN_DIGITS] != today[:ORIGIN_DIGITS]


def test_a_browser_begins_anew_each_time(who: Callers) -> None:
    browser = {**CURL, "sec-fetch-site": "same-origin"}
    assert begun(who, browser)[:ORIGIN_DIGITS] != begun(who, browser)[:ORIGIN_DIGITS]


def test_another_secret_makes_other_origins(who: Callers) -> None:
    other = Callers(Settings(_env_file=None, session_secret="t" * 32))  # type: ignore[call-arg,arg-type]
    assert begun(other)[:ORIGIN_DIGITS] != begun(who)[:ORIGIN_DIGITS]
