"""Assembles what every service's application has, in the order in which a request meets it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from typing_extensions import override
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service_chassis.access_log import AccessLog
from service_chassis.cross_origin import cross_origin_rules
from service_chassis.event_loop_lag import measured_event_loop
from service_chassis.hang_up import HangUpMiddleware
from service_chassis.input_guard import InputGuardMiddleware
from service_chassis.metrics import Gauges, tell_build
from service_chassis.openapi_document import complete_openapi
from service_chassis.problem_details import UnhandledErrorMiddleware, install_problem_details
from service_chassis.request_context import RequestContextMiddleware
from service_chassis.request_metrics import ACTIVE_REQUESTS, RequestMetricsMiddleware
from service_chassis.security_headers import SecurityHeadersMiddleware
from service_chassis.settings import ServiceSettings
from service_chassis.tracing.server_spans import TracingMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from service_chassis.tracing.provider import ExportedTracing

# It records queries, paths and the texts of exceptions, and costs ten times as much where nothing is recorded.
_NO_TELEMETRY_OF_THE_FRAMEWORK: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Application(FastAPI):
    """FastAPI with layers outside of its own, through which nothing has to go that these answer."""

    outer_layers: Sequence[Middleware] = ()
    """The outermost first."""

    @override
    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        await self._outermost(scope, receive, send)

    @cached_property
    def _outermost(self) -> "ASGIApp":
        app: ASGIApp = super().__call__
        for layer in reversed(self.outer_layers):
            app = layer.cls(app, *layer.args, **layer.kwargs)
        return app


def new_application(
    settings: ServiceSettings, *, openapi_path: str, lifespan: Lifespan, larger_bodies: Mapping[str, int] | None = None
) -> Application:
    """Return an application without routes that answers every failure in the common form.

    `larger_bodies` says, by path, how many bytes a body may have where 64 kB are too few.
    """
    tracing, cross_origin = _tracing(settings), cross_origin_rules(settings)
    app = Application(
        title=settings.project_name,
        version=settings.version,
        openapi_url=f"{settings.api_v1_str}{openapi_path}",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        telemetry=_NO_TELEMETRY_OF_THE_FRAMEWORK,
        lifespan=_measured(tracing.around(lifespan) if tracing else lifespan),
        middleware=[
            Middleware(RequestContextMiddleware, access_log=AccessLog(settings)),
            Middleware(RequestMetricsMiddleware),
            Middleware(HangUpMiddleware),
            Middleware(SecurityHeadersMiddleware),
            *([] if cross_origin is None else [Middleware(CORSMiddleware, **cross_origin)]),
            Middleware(InputGuardMiddleware, larger_bodies=larger_bodies or {}),
            Middleware(UnhandledErrorMiddleware),
        ],
    )
    app.outer_layers = [
        *_proxies(settings),
        *([Middleware(TracingMiddleware, tracing=tracing.tracing)] if tracing else []),
    ]
    install_problem_details(app)
    complete_openapi(app, settings)
    tell_build(settings)
    return app


def _proxies(settings: ServiceSettings) -> list[Middleware]:
    trusted = list(map(str, settings.trusted_proxies))
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)] if trusted else []


def _tracing(settings: ServiceSettings) -> "ExportedTracing | None":
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    from service_chassis.tracing.provider import ExportedTracing

    return ExportedTracing(settings, endpoint=settings.otel_exporter_otlp_endpoint)


def _measured(lifespan: Lifespan) -> Lifespan:
    @asynccontextmanager
    async def measured(app: FastAPI) -> AsyncIterator[None]:
        gauges = Gauges(ACTIVE_REQUESTS.read_gauge)
        gauges.start()
        with closing(gauges), measured_event_loop():
            async with lifespan(app):
                yield

    return measured


def _operation_id(route: APIRoute) -> str:
    """Name operations after their functions, which is how generated clients will call them."""
    return route.name
