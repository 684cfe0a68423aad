"""What a user may say about the gateway."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from ..spec import Name, ObjectName, Spec

# What clients write into `model`.
Alias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
DnsName = Annotated[
    str, Field(pattern=r"^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
]


class TlsSpec(Spec):
    mode: Literal["private-ca", "secret"] = Field(
        description="private-ca: a certificate that `blueprint tls issue` makes; "
        "secret: a kubernetes.io/tls Secret that exists in deepseek-gateway"
    )
    secret: ObjectName | None = Field(default=None, description="the Secret of mode secret")
    dns_names: tuple[DnsName, ...] = Field(
        default=(), strict=False, description="names in the certificate of mode private-ca"
    )


class TierSpec(Spec):
    requests_per_minute: PositiveInt = Field(
        le=60_000_000,  # a million a second; nginx takes more, no gateway does
        description="requests a minute that a tenant of this tier may make, over all its keys",
    )
    concurrent_requests: PositiveInt = Field(
        le=65_535,  # what nginx's limit_conn can count
        description="requests that a tenant of this tier may have open at once, over all its keys",
    )


class TenantSpec(Spec):
    tier: Name = Field(description="the tier whose limits apply")
    models: tuple[Alias, ...] = Field(
        strict=False, min_length=1, description="aliases that the tenant may call"
    )


class GatewaySpec(Spec):
    replicas: Annotated[PositiveInt, Field(le=100)] = Field(
        default=2, description="gateway pods; limits are divided by them"
    )
    tls: TlsSpec = Field(description="where the certificate comes from")
    aliases: dict[Alias, dict[Name, PositiveInt]] = Field(
        min_length=1,
        description="what clients call a model: servers with their share in percent, 100 in all",
    )
    tiers: dict[Name, TierSpec] = Field(min_length=1, description="limits by name")
    tenants: dict[Name, TenantSpec] = Field(min_length=1, description="who may call what")
