from gateway.pool.retry_budget import WINDOW_S, RetryBudget


def test_retries_are_a_share_of_the_requests() -> None:
    budget = RetryBudget(share=0.1, floor_per_s=0)
    for _ in range(50):
        budget.record_request(0)
    assert [budget.try_spend(0) for _ in range(7)] == [True] * 5 + [False] * 2


def test_a_quiet_service_may_retry_at_all() -> None:
    budget = RetryBudget(share=0.1, floor_per_s=0.2)
    budget.record_request(0)
    assert [budget.try_spend(0) for _ in range(4)] == [True, True, False, False]


def test_old_requests_earn_nothing_and_old_retries_cost_nothing() -> None:
    budget = RetryBudget(share=0.1, floor_per_s=0)
    for _ in range(20):
        budget.record_request(0)
    assert budget.try_spend(1)
    later = WINDOW_S + 0.5
    assert not budget.try_spend(later)
    for _ in range(10):
        budget.record_request(later)
    assert not budget.try_spend(later)  # the retry of second 1 still counts
    assert budget.try_spend(later + 1)
