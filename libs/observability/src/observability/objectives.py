"""The objectives of `deploy/observability/slo.yaml`, checked."""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# The buckets of http_server_request_duration_seconds; between two of them nobody can tell who was faster.
DURATION_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10)

Service = Literal["auth-service", "items-service"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


def _is_a_bucket(seconds: float) -> float:
    if seconds not in DURATION_BUCKETS_SECONDS:
        raise ValueError(f"has to be one of the histogram's buckets: {DURATION_BUCKETS_SECONDS}")
    return seconds


def _is_a_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Objective(_Model):
    name: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    service: Service
    description: str = Field(min_length=1)
    percent: float = Field(gt=50, lt=100)

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.percent / 100, 6)


class _RequestObjective(_Objective):
    methods: list[Method] = Field(min_length=1)
    routes: Annotated[str, AfterValidator(_is_a_pattern)]

    def covers(self, method: str, route: str) -> bool:
        """Tell whether requests of that method and route template count."""
        return method in self.methods and re.fullmatch(self.routes, route) is not None


class Availability(_RequestObjective):
    """A share of requests that are answered without a 5xx."""

    kind: Literal["availability"]


class Latency(_RequestObjective):
    """A share of requests that are answered in time; those answered with a 5xx do not count."""

    kind: Literal["latency"]
    threshold_seconds: Annotated[float, AfterValidator(_is_a_bucket)]


class Freshness(_Objective):
    """A share of the time in which the age that a gauge tells is low enough."""

    kind: Literal["freshness"]
    threshold_seconds: float = Field(gt=0)
    metric: str


Objective = Annotated[Availability | Latency | Freshness, Field(discriminator="kind")]


class Objectives(_Model):
    """The whole file."""

    period: Literal["30d"]
    minimum_bad_events: int = Field(ge=1)
    objectives: list[Objective] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        repeated = [name for name, count in Counter(each.name for each in self.objectives).items() if count > 1]
        if repeated:
            raise ValueError(f"objectives share a name: {', '.join(repeated)}")
        return self

    def of_service(self, service: Service) -> list[Availability | Latency | Freshness]:
        """Return what one service promises."""
        return [objective for objective in self.objectives if objective.service == service]

    def named(self, name: str) -> Availability | Latency | Freshness:
        """Return the objective of that name."""
        return next(objective for objective in self.objectives if objective.name == name)


def read_objectives(file: Path) -> Objectives:
    """Read and check the file of objectives.

    Raises:
        pydantic.ValidationError: names everything that is wrong.
    """
    return Objectives.model_validate(yaml.safe_load(file.read_text()))
