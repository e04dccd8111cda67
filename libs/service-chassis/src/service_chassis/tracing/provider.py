"""Builds what records traces and hands them over; with an exporter it takes 11 MB, so only who exports imports it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from service_chassis.tracing.current import Tracing
from service_chassis.tracing.export import EXPORT_SECONDS, SpanExport

if TYPE_CHECKING:
    from fastapi import FastAPI
    from opentelemetry.sdk.trace.export import SpanExporter

    from service_chassis.settings import ServiceSettings

# A batch of 500 rows is one statement of 40 kB.
MAXIMUM_ATTRIBUTE_CHARACTERS = 2048


class ExportedTracing:
    """The tracing of one application and the export of its spans."""

    def __init__(self, settings: "ServiceSettings", *, endpoint: str) -> None:
        self._export = SpanExport(partial(_new_exporter, settings, endpoint=endpoint))
        provider = TracerProvider(
            # What is not to be recorded was never asked of this provider.
            sampler=ALWAYS_ON,
            resource=_resource(settings),
            span_limits=SpanLimits(max_span_attribute_length=MAXIMUM_ATTRIBUTE_CHARACTERS),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._export)
        self.tracing = Tracing(
            provider.get_tracer("service_chassis", settings.version),
            sample_ratio=settings.otel_traces_sampler_arg,
            admits_trace=self._export.admits_trace,
        )

    def around(
        self, lifespan: "Callable[[FastAPI], AbstractAsyncContextManager[None]]"
    ) -> "Callable[[FastAPI], AbstractAsyncContextManager[None]]":
        """Return the lifespan in which everything is traced, and after which the last spans are handed over."""

        @asynccontextmanager
        async def traced_lifespan(app: "FastAPI") -> AsyncIterator[None]:
            self._export.start()
            try:
                with self.tracing.being_current():
                    async with lifespan(app):
                        yield
            finally:
                await asyncio.to_thread(self._export.close)

        return traced_lifespan


def _resource(settings: "ServiceSettings") -> Resource:
    return Resource.create(
        {
            "service.name": settings.project_name,
            "service.namespace": "tandem",
            "service.version": settings.version,
            "service.instance.id": str(uuid4()),
            "deployment.environment.name": settings.environment,
        }
    )


def _new_exporter(settings: "ServiceSettings", *, endpoint: str) -> "SpanExporter":
    headers = _headers(settings)
    if settings.otel_exporter_otlp_protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, headers=headers, timeout=EXPORT_SECONDS)
    from service_chassis.tracing.http_exporter import HttpSpanExporter

    return HttpSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", headers=headers, timeout_seconds=EXPORT_SECONDS)


def _headers(settings: "ServiceSettings") -> dict[str, str]:
    text = settings.otel_exporter_otlp_headers.get_secret_value()
    pairs = (pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    # gRPC takes names in lower case only.
    return {name.strip().lower(): unquote(value.strip()) for name, value in pairs}
