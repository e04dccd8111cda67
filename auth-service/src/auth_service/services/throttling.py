"""How often somebody may try what attackers try: counted before anything is looked up or hashed.

An attacker can use up the attempts at an account, but not its owner's: whoever comes from a network that the account
was used from counts against that network's own attempts only.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerSecond

from auth_service.core.config import Settings
from auth_service.errors import TooManyAttemptsError
from auth_service.metrics import RATE_LIMIT_DECISIONS
from auth_service.models import AuditEventType
from auth_service.repositories.direct_logins import DirectLoginRepository
from auth_service.schemas.devices import Device
from auth_service.services.audit import AuditTrail
from auth_service.services.rate_limits import Count, RateLimits
from service_chassis.database import is_unavailable
from service_chassis.errors import UnavailableError

# What one customer of an IPv6 provider has at least (RFC 6177), so more addresses are no more attempts.
_IPV6_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a policy's attempts."""

    policy: str
    quota: int
    window_seconds: int
    remaining: int
    reset_seconds: int

    def fields(self) -> dict[str, str]:
        """Return what the IETF draft "RateLimit header fields for HTTP" says of it (revision 10)."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={self.window_seconds}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_seconds}',
        }


class Throttle:
    """The attempts of one request's address, and of the accounts that it names."""

    def __init__(
        self,
        *,
        rate_limits: RateLimits,
        logins: DirectLoginRepository,
        audit: AuditTrail,
        device: Device,
        key: bytes,
        settings: Settings,
    ) -> None:
        self._rate_limits = rate_limits
        self._logins = logins
        self._audit = audit
        self._network = _network(device.address)
        self._key = key
        self._settings = settings

    @asynccontextmanager
    async def login_attempt(self, email: str) -> AsyncIterator[Allowance]:
        """Count an attempt to log in before the block, and say how many are left.

        It is an attempt at the account with that address in the stored spelling, or at none.

        When the block ends well, somebody has proven who they are and has all attempts again. When something was away
        or busy, nobody has learned anything, and the attempt does not count.

        Raises:
            TooManyAttemptsError: from this network, or at this account.
        """
        account = self._account_key(email)
        counted: list[tuple[RateLimitItem, tuple[str, ...]]] = []
        try:
            yield await self._admit_login(email, account=account, counted=counted)
        except Exception as error:
            if isinstance(error, UnavailableError) or is_unavailable(error):
                for limit, names in counted:
                    await self._rate_limits.give_back(limit, *names)
            raise
        limit = self._settings.login_limit_per_account
        await self._rate_limits.forget(limit, "account", account, self._network)

    async def _admit_login(
        self, email: str, *, account: str, counted: list[tuple[RateLimitItem, tuple[str, ...]]]
    ) -> Allowance:
        await self._admit_quickly("network", self._settings.login_limit_per_network, self._network)
        limit = self._settings.login_limit_per_account
        allowance = await self._admit("account", limit, account, self._network)
        counted.append((limit, ("account", account, self._network)))
        limit, names = self._settings.login_limit_per_account_everywhere, ("account-everywhere", account)
        is_counted = await self._rate_limits.admits(limit, *names)
        if is_counted or await self._is_known_here(email):
            _count_decision("account-everywhere", admitted=True)
        else:
            # It refuses, unless the window has moved on since.
            await self._admit("account-everywhere", limit, account)
            is_counted = True
        if is_counted:
            counted.append((limit, names))
        return allowance

    async def admit_registration(self, email: str) -> Allowance:
        """Count an attempt to register, which costs a hash and may cost a mail.

        Raises:
            TooManyAttemptsError: from this network, or with this address.
        """
        if self._settings.email_verification_required:
            return await self.admit_mail(email)
        return await self.admit_network()

    async def admit_mail(self, email: str) -> Allowance:
        """Count a mail that a stranger makes this service send.

        Raises:
            TooManyAttemptsError: from this network, or to this address.
        """
        await self.admit_network()
        return await self._admit("mail", self._settings.mail_limit_per_address, self._account_key(email))

    async def admit_network(self) -> Allowance:
        """Count an attempt of this network at something costly.

        Raises:
            TooManyAttemptsError: there were too many.
        """
        return await self._admit("network", self._settings.login_limit_per_network, self._network)

    async def _admit(self, policy: str, limit: RateLimitItem, *names: str) -> Allowance:
        count = await self._rate_limits.count(limit, policy, *names)
        _count_decision(policy, admitted=count.admitted)
        allowance = _allowance(policy, limit, count=count)
        if not count.admitted:
            await self._refuse(allowance, *names)
        return allowance

    async def _admit_quickly(self, policy: str, limit: RateLimitItem, *names: str) -> None:
        # How much is left takes as long to know as the attempt to count, and here only who is refused is told.
        if await self._rate_limits.admits(limit, policy, *names):
            _count_decision(policy, admitted=True)
        else:
            await self._admit(policy, limit, *names)

    async def _refuse(self, allowance: Allowance, *names: str) -> None:
        # One record for each window: refusing is cheap, and must not become a way to fill the audit trail.
        once = RateLimitItemPerSecond(1, allowance.window_seconds)
        if (await self._rate_limits.count(once, "refusal", allowance.policy, *names)).admitted:
            await self._audit.record(AuditEventType.ATTEMPTS_REFUSED, policy=allowance.policy)
        raise TooManyAttemptsError({**allowance.fields(), "Retry-After": str(allowance.reset_seconds)})

    async def _is_known_here(self, email: str) -> bool:
        addresses = await self._logins.addresses_of(email)
        return self._network in map(_network, addresses)

    def _account_key(self, email: str) -> str:
        # Whoever reads the counters must not learn addresses.
        return hashlib.blake2b(email.encode(), key=self._key, digest_size=32).hexdigest()


def _allowance(policy: str, limit: RateLimitItem, *, count: Count) -> Allowance:
    return Allowance(policy, limit.amount, limit.get_expiry(), count.remaining, count.reset_seconds)


def _count_decision(policy: str, *, admitted: bool) -> None:
    RATE_LIMIT_DECISIONS.labels(policy, "allowed" if admitted else "refused").inc()


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
