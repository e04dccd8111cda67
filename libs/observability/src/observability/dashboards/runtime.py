"""What the processes use up: CPU, memory, connections, and what Kubernetes says of the pods."""

from observability.dashboards.panels import Dashboard, Panel, Query, Threshold, Unit, labels, per_second, quantile

LEGEND = "{{job}} {{instance}}"
USED = 'state="used"'
CONTAINER = 'container!=""'
MEMORY = 'resource="memory"'
READY = 'condition="true"'
PODS = 'pod=~"(.+-)?(auth|items)-service-.+"'


def runtime() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="tandem-runtime",
        title="Tandem / Runtime",
        description="What the processes use up: CPU, memory, connections, and what Kubernetes says of the pods.",
        panels=[*_processes(), *_connections(), _queries(), *_garbage_and_traces(), *_pods(), *_pod_resources()],
    )


def _processes() -> list[Panel]:
    lag = quantile(0.99, "tandem_event_loop_lag_seconds", by="job, instance")
    return [
        Panel(
            title="CPU",
            description="Cores in use by each replica.",
            unit=Unit.NUMBER,
            queries=[Query(per_second("process_cpu_seconds_total", by="job, instance"), LEGEND)],
            width=6,
        ),
        Panel(
            title="Memory",
            description="Resident memory of each replica.",
            unit=Unit.BYTES,
            queries=[Query(f"sum by (job, instance) (process_resident_memory_bytes{labels()})", LEGEND)],
            width=6,
        ),
        Panel(
            title="Event loop: lag p99",
            description="How late the event loop goes on, at worst one time of a hundred.",
            unit=Unit.SECONDS,
            queries=[Query(lag, LEGEND)],
            width=6,
            thresholds=[Threshold(0.1, "red")],
            runbook="event-loop-lag",
        ),
        Panel(
            title="Requests under way",
            description="Requests that each replica is answering.",
            unit=Unit.NUMBER,
            queries=[Query(f"sum by (job, instance) (http_server_active_requests{labels()})", LEGEND)],
            width=6,
        ),
    ]


def _connections() -> list[Panel]:
    used = f"sum by (job, instance) (db_client_connection_count{labels(USED)})"
    limit = f"sum by (job, instance) (db_client_connection_max{labels()})"
    return [
        Panel(
            title="Connection pool: in use",
            description="The share of each replica's database connections that are in use.",
            unit=Unit.SHARE,
            queries=[Query(f"{used} / {limit}", LEGEND)],
            width=6,
            thresholds=[Threshold(0.9, "red")],
            runbook="connection-pool-saturated",
        ),
        Panel(
            title="Connection pool: waiting",
            description="Requests that wait for a connection, and waits that were given up, a second.",
            unit=Unit.NUMBER,
            queries=[
                Query(f"sum by (job) (db_client_connection_pending_requests{labels()})", "{{job}} waiting"),
                Query(per_second("db_client_connection_timeouts_total", by="job"), "{{job}} given up"),
            ],
            width=6,
            runbook="connection-pool-saturated",
        ),
        Panel(
            title="Connection pool: wait p99",
            description="How long requests wait for a connection.",
            unit=Unit.SECONDS,
            queries=[Query(quantile(0.99, "db_client_connection_wait_time_seconds", by="job"), "{{job}}")],
            width=6,
            runbook="connection-pool-saturated",
        ),
    ]


def _queries() -> Panel:
    return Panel(
        title="Queries: p99",
        description="How long statements take in the database, by what they do.",
        unit=Unit.SECONDS,
        queries=[
            Query(
                quantile(0.99, "db_client_operation_duration_seconds", by="job, db_operation_name"),
                "{{job}} {{db_operation_name}}",
            )
        ],
        width=6,
        runbook="connection-pool-saturated",
    )


def _garbage_and_traces() -> list[Panel]:
    return [
        Panel(
            title="Open files",
            description="File descriptors that each replica holds, sockets included.",
            unit=Unit.NUMBER,
            queries=[Query(f"sum by (job, instance) (process_open_fds{labels()})", LEGEND)],
        ),
        Panel(
            title="Garbage collections",
            description="Runs of Python's garbage collector a second, by generation.",
            unit=Unit.PER_SECOND,
            queries=[Query(per_second("python_gc_collections_total", by="job, generation"), "{{job}} {{generation}}")],
        ),
        Panel(
            title="Traces",
            description="Spans that were dropped and exports by outcome, a second; none while tracing is off.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(per_second("tandem_spans_dropped_total", by="job"), "{{job}} dropped"),
                Query(per_second("tandem_span_exports_total", by="job, outcome"), "{{job}} exports {{outcome}}"),
            ],
            runbook="spans-dropped",
        ),
    ]


def _pods() -> list[Panel]:
    restarts = f"sum by (pod) (increase(kube_pod_container_status_restarts_total{labels(PODS)}[1h]))"
    return [
        Panel(
            title="Pods ready (cluster)",
            description="Pods that take requests; needs kube-state-metrics.",
            unit=Unit.NUMBER,
            queries=[Query(f"sum by (pod) (kube_pod_status_ready{labels(PODS, READY)})", "{{pod}}")],
            width=6,
            stacked=True,
            runbook="no-ready-replica",
            cluster_only=True,
        ),
        Panel(
            title="Restarts in an hour (cluster)",
            description="Containers that Kubernetes has restarted; needs kube-state-metrics.",
            unit=Unit.NUMBER,
            queries=[Query(restarts, "{{pod}}")],
            width=6,
            runbook="no-ready-replica",
            cluster_only=True,
        ),
    ]


def _pod_resources() -> list[Panel]:
    throttled = per_second("container_cpu_cfs_throttled_periods_total", by="pod", matchers=(PODS,))
    periods = per_second("container_cpu_cfs_periods_total", by="pod", matchers=(PODS,))
    memory = f"sum by (pod) (container_memory_working_set_bytes{labels(PODS, CONTAINER)})"
    limit = f"sum by (pod) (kube_pod_container_resource_limits{labels(PODS, MEMORY)})"
    return [
        Panel(
            title="Memory of its limit (cluster)",
            description="At 100 % the kernel ends the container; needs cAdvisor and kube-state-metrics.",
            unit=Unit.SHARE,
            queries=[Query(f"{memory} / {limit}", "{{pod}}")],
            width=6,
            thresholds=[Threshold(0.9, "red")],
            cluster_only=True,
        ),
        Panel(
            title="CPU throttled (cluster)",
            description="The share of 100 ms slices in which a pod had to wait for CPU; needs cAdvisor.",
            unit=Unit.SHARE,
            queries=[Query(f"{throttled} / {periods}", "{{pod}}")],
            width=6,
            thresholds=[Threshold(0.25, "red")],
            runbook="event-loop-lag",
            cluster_only=True,
        ),
    ]
