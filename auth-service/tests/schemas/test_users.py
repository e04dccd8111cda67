"""What clients send and get of accounts."""

import pytest
from pydantic import ValidationError

from auth_service.schemas.users import User, UserCreate, UserInDB, UserUpdate, find_email_spelling

PASSWORD = "correct horse battery staple"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Lovelace+Tag@EXAMPLE.com", "ada.lovelace+tag@example.com"),
        ("ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ada@example.com"),  # the claim is about such letters
        ("ada@example.com.", "ada@example.com"),
        ("\t ada@example.com \n", "ada@example.com"),
        ("ade\u0301@example.com", "ad\u00e9@example.com"),
        ("ADÉ@example.com", "adé@example.com"),
        ("ada@xn--mnchen-3ya.de", "ada@münchen.de"),
        ("ada@MU\u0308NCHEN.de", "ada@münchen.de"),
        ("ada@example。com", "ada@example.com"),
        ("\u212bda@example.com", "åda@example.com"),
        ("Ada Lovelace <ada@example.com>", "ada@example.com"),
    ],
)
def test_every_spelling_of_an_address_is_stored_as_one(typed: str, stored: str) -> None:
    assert find_email_spelling(typed) == stored


@pytest.mark.parametrize("stored", ["ada@example.com", "adé@münchen.de", "οδος@example.com", "i̇da@example.com"])
def test_the_stored_spelling_is_its_own(stored: str) -> None:
    assert find_email_spelling(stored) == stored


@pytest.mark.parametrize("address", ["ada@faß.de", "aß@example.com"])
def test_letters_that_only_look_like_others_stay_themselves(address: str) -> None:
    assert find_email_spelling(address) != find_email_spelling(address.upper())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "ada@[127.0.0.1]",
        "ada@example.com\0",
        "a\u200bda@example.com",
        "ada@exam\u00adple.com",
        "a@b@example.com",
        "ada@" + "x" * 250 + ".com",
        pytest.param("\ud800@example.com", id="lone surrogate"),
    ],
)
def test_what_is_no_address_has_no_spelling(text: str) -> None:
    assert find_email_spelling(text) is None


def test_a_new_account_does_not_show_its_password() -> None:
    user = UserCreate(email="ada@example.com", password=PASSWORD)

    assert PASSWORD not in repr(user)
    assert PASSWORD not in user.model_dump_json()


def test_a_refusal_does_not_show_its_input() -> None:
    with pytest.raises(ValidationError) as refusal:
        UserCreate.model_validate({"email": "address-4711", "password": "pw-4711", "full_name": 4711})

    assert "4711" not in str(refusal.value)


def test_an_account_is_shown_without_its_hash() -> None:
    for schema in (User, UserInDB):
        assert not [name for name in schema.model_fields if "password" in name]


def test_a_change_that_is_left_out_is_no_change() -> None:
    assert UserUpdate.model_validate({}).model_dump(exclude_unset=True) == {}


def test_a_generated_client_finds_no_default_that_it_would_send_as_a_change() -> None:
    properties = UserUpdate.model_json_schema()["properties"]

    assert [name for name, schema in properties.items() if "default" in schema] == []
