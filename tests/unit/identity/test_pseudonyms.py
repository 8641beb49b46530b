import pytest

from gateway.identity.pseudonyms import KEY_ID_DIGITS, Pseudonyms, key_id


def test_pseudonyms_depend_on_key_tenant_and_user() -> None:
    ours, others = Pseudonyms("k"), Pseudonyms("k2")
    names = {
        ours.of("acme", "u1"),
        others.of("acme", "u1"),
        ours.of("acmeu", "1"),
        ours.of("acme", "u2"),
    }
    assert len({name[KEY_ID_DIGITS:] for name in names}) == 4
    assert ours.of("acme", "u1") in names


def test_a_pseudonym_fits_its_column_and_names_its_key() -> None:
    name = Pseudonyms("k").of("acme", "张伟/1?")
    assert len(name) == 32
    assert int(name, 16)
    assert name.startswith(key_id("k"))


def test_after_a_rotation_new_names_are_of_the_new_key_and_old_ones_are_found() -> None:
    old, rotated = Pseudonyms("old"), Pseudonyms("new\nold\n")
    assert rotated.of("acme", "u1") == Pseudonyms("new").of("acme", "u1")
    assert rotated.every("acme", "u1") == (rotated.of("acme", "u1"), old.of("acme", "u1"))
    assert rotated.key_ids == (key_id("new"), key_id("old"))


@pytest.mark.parametrize("keys", ["", " \n", "same same"])
def test_no_key_and_two_that_cannot_be_told_apart_are_refused(keys: str) -> None:
    with pytest.raises(ValueError, match="pseudonym keys"):
        Pseudonyms(keys)
