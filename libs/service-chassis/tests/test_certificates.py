"""What a client of this process holds the other side to."""

import ssl

from service_chassis.certificates import trusted_certificates


def test_a_server_with_tls_needs_the_certificate_of_a_known_authority() -> None:
    context = trusted_certificates("https://auth.example.com")

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 0


def test_authorities_are_read_once() -> None:
    assert trusted_certificates("https://auth.example.com") is trusted_certificates("https://elsewhere.example.com")


def test_no_authority_is_read_for_a_server_without_tls_and_none_is_trusted() -> None:
    context = trusted_certificates("http://auth-service:8000")

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] == 0
