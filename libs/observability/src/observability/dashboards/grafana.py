"""Dashboards as the JSON that Grafana reads, built with its makers' own SDK."""

from typing import TypeVar

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from observability.dashboards.panels import Dashboard, Panel, Query

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
RUNBOOKS = "deploy/observability/runbooks"
TAG = "tandem"


def as_json(dashboard: Dashboard) -> str:
    """Return the JSON of a dashboard, indented so that a review sees what changes."""
    builder = (
        build.Dashboard(dashboard.title)
        .uid(dashboard.uid)
        .description(dashboard.description)
        .tags([TAG])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_namespace_variable())
        .link(_link_to_the_others())
        .annotation(_starts())
    )
    for number, panel in enumerate(dashboard.panels, start=1):
        builder = builder.with_panel((_stat(panel) if panel.is_number else _graph(panel)).id(number))
    return JSONEncoder(sort_keys=True, indent=2).encode(builder.build()) + "\n"


def _namespace_variable() -> build.QueryVariable:
    return (
        build.QueryVariable("namespace")
        .label("Namespace")
        .datasource(SOURCE)
        .query("label_values(tandem_build_info, namespace)")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(include_all=True)
        .all_value(".*")
        .multi(multi=True)
    )


def _link_to_the_others() -> build.DashboardLink:
    link = build.DashboardLink("Tandem").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.include_vars(include_vars=True).keep_time(keep_time=True)


def _starts() -> build.AnnotationQuery:
    expression = 'changes(process_start_time_seconds{namespace=~"$namespace"}[1m]) > 0'
    return (
        build.AnnotationQuery()
        .name("Starts")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color("blue")
        .expr(expression)
    )


def _graph(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST).show_legend(show_legend=True)
    builder = timeseries.Panel().legend(legend.placement(common_models.LegendPlacement.BOTTOM)).line_width(2)
    builder = builder.fill_opacity(25 if panel.stacked else 8).min(0)
    if panel.stacked:
        builder = builder.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if panel.thresholds:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED)
        builder = builder.thresholds_style(style)
    return _complete(builder, panel)


def _stat(panel: Panel) -> stat.Panel:
    return _complete(stat.Panel().graph_mode(common_models.BigValueGraphMode.AREA), panel)


AnyPanel = TypeVar("AnyPanel", timeseries.Panel, stat.Panel)


def _complete(builder: AnyPanel, panel: Panel) -> AnyPanel:
    builder = builder.title(panel.title).description(panel.description).unit(panel.unit.value).datasource(SOURCE)
    builder = builder.span(panel.width).height(panel.height).thresholds(_thresholds(panel))
    for letter, query in zip("ABCDEF", panel.queries, strict=False):
        builder = builder.with_target(_target(query).ref_id(letter))
    if panel.runbook:
        link = build.DashboardLink("Runbook").type(models.DashboardLinkType.LINK).target_blank(target_blank=True)
        builder = builder.links([link.url(f"{RUNBOOKS}/{panel.runbook}.md")])
    return builder


def _target(query: Query) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend).range()
    return target.exemplar(exemplar=query.exemplars).datasource(SOURCE)


def _thresholds(panel: Panel) -> build.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=panel.base_colour)]
    steps += [models.Threshold(value=threshold.value, color=threshold.colour) for threshold in panel.thresholds]
    return build.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
