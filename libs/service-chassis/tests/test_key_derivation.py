from pydantic import SecretStr

from service_chassis.key_derivation import derive_key


def test_a_purpose_always_gets_the_same_key() -> None:
    keys = {derive_key(SecretStr("secret"), purpose="cursors") for _ in range(2)}

    assert [len(key) for key in keys] == [32]


def test_another_purpose_or_another_secret_gets_another_key() -> None:
    keys = {
        derive_key(SecretStr("secret"), purpose="cursors"),
        derive_key(SecretStr("secret"), purpose="sealing"),
        derive_key(SecretStr("other"), purpose="cursors"),
    }

    assert len(keys) == 3
