import { type Dashboard, DashboardBuilder, DatasourceVariableBuilder, RowBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import { lines, stat } from "./panels.ts";

/** The operator's first page: is it healthy, are GPUs used, are people waiting. Every query is run against a live Berth in the tests. */
export function overviewDashboard(): Dashboard {
  const dashboard = new DashboardBuilder("Berth overview")
    .uid("berth-overview")
    .description("Jobs, queue, nodes and GPUs of one Berth cluster")
    .tags(["berth", "generated"])
    .refresh("15s")
    .time({ from: "now-3h", to: "now" })
    .timezone("browser")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"));
  jobsRow(dashboard);
  nodesRow(dashboard);
  gpusRow(dashboard);
  controlPlaneRow(dashboard);
  return dashboard.build();
}

function jobsRow(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(new RowBuilder("Jobs"))
    .withPanel(
      stat({
        title: "Running",
        description: "Jobs with every replica running",
        unit: "short",
        width: 4,
        queries: [{ expr: 'sum(berth_jobs{state="running"})', legend: "running" }],
      }),
    )
    .withPanel(
      stat({
        title: "Pending",
        description: "Jobs waiting for a place; `berth get JOB` tells why",
        unit: "short",
        width: 4,
        queries: [{ expr: 'sum(berth_jobs{state="pending"})', legend: "pending" }],
      }),
    )
    .withPanel(
      lines({
        title: "Jobs by state",
        description: "Jobs that are not over, by state",
        unit: "short",
        width: 8,
        queries: [{ expr: 'sum by (state) (berth_jobs{state=~"pending|starting|running|stopping"})', legend: "{{state}}" }],
      }),
    )
    .withPanel(
      lines({
        title: "Finished jobs per minute",
        description: "By outcome; a rising share of failed deserves a look at `berth ps --all --state failed`",
        unit: "short",
        width: 8,
        queries: [{ expr: "sum by (outcome) (rate(berth_jobs_finished_total[5m])) * 60", legend: "{{outcome}}" }],
      }),
    )
    .withPanel(
      lines({
        title: "Pending jobs by what keeps them waiting",
        description: "Of the last scheduling pass; `berth explain JOB` proves it node by node",
        unit: "short",
        width: 8,
        // Nobody waits most of the time: then there is no series, and a panel without one looks broken.
        queries: [
          { expr: 'sum by (reason) (berth_jobs_pending) or label_replace(vector(0), "reason", "none", "", "")', legend: "{{reason}}" },
        ],
      }),
    )
    .withPanel(
      lines({
        title: "Queue wait",
        description: "From submission to the first replica's start",
        unit: "s",
        width: 8,
        queries: [
          { expr: "histogram_quantile(0.5, sum by (le) (rate(berth_job_queue_wait_seconds_bucket[15m])))", legend: "median" },
          { expr: "histogram_quantile(0.9, sum by (le) (rate(berth_job_queue_wait_seconds_bucket[15m])))", legend: "90th percentile" },
        ],
      }),
    )
    .withPanel(
      lines({
        title: "Run time",
        description: "How long attempts ran",
        unit: "s",
        width: 8,
        queries: [
          { expr: "histogram_quantile(0.5, sum by (le) (rate(berth_job_run_seconds_bucket[1h])))", legend: "median" },
          { expr: "histogram_quantile(0.9, sum by (le) (rate(berth_job_run_seconds_bucket[1h])))", legend: "90th percentile" },
        ],
      }),
    );
}

function nodesRow(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(new RowBuilder("Nodes"))
    .withPanel(
      stat({
        title: "Ready nodes",
        description: "Nodes that synced within their lease",
        unit: "short",
        width: 4,
        queries: [{ expr: 'sum(berth_nodes{state="ready"})', legend: "ready" }],
      }),
    )
    .withPanel(
      stat({
        title: "Lost nodes",
        description: "Their jobs were put back into the queue; `berth nodes` names them",
        unit: "short",
        width: 4,
        queries: [{ expr: 'sum(berth_nodes{state="lost"})', legend: "lost" }],
      }),
    )
    .withPanel(
      lines({
        title: "GPUs allocated",
        description: "Share of the healthy GPUs that a job holds",
        unit: "percentunit",
        width: 16,
        queries: [
          {
            expr: 'sum(berth_node_gpus{state="allocated"}) / clamp_min(sum(berth_node_gpus{state=~"allocated|free"}), 1)',
            legend: "allocated",
          },
        ],
      }),
    );
}

function gpusRow(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(new RowBuilder("GPUs"))
    .withPanel(
      lines({
        title: "GPU utilisation",
        description: "Share of time a kernel ran; near zero on an allocated GPU means an idle job",
        unit: "percent",
        width: 12,
        queries: [{ expr: "DCGM_FI_DEV_GPU_UTIL", legend: "{{Hostname}} {{device}}" }],
      }),
    )
    .withPanel(
      lines({
        title: "GPU memory used",
        description: "Framebuffer in use",
        unit: "mbytes",
        width: 12,
        queries: [{ expr: "DCGM_FI_DEV_FB_USED", legend: "{{Hostname}} {{device}}" }],
      }),
    )
    .withPanel(
      lines({
        title: "GPU temperature",
        description: "Above 85 degrees the GPU slows itself down",
        unit: "celsius",
        width: 12,
        queries: [{ expr: "DCGM_FI_DEV_GPU_TEMP", legend: "{{Hostname}} {{device}}" }],
      }),
    )
    .withPanel(
      lines({
        title: "Unhealthy GPUs",
        description: "Never handed out; `berth nodes -o wide` says what is wrong",
        unit: "short",
        width: 12,
        queries: [{ expr: 'sum by (node) (berth_node_gpus{state="unhealthy"})', legend: "{{node}}" }],
      }),
    );
}

function controlPlaneRow(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(new RowBuilder("Control plane"))
    .withPanel(
      lines({
        title: "Scheduling cycle",
        description: "How long one decision over the whole queue takes, and is committed",
        unit: "s",
        width: 8,
        queries: [
          { expr: "histogram_quantile(0.9, sum by (le) (rate(berth_scheduler_cycle_seconds_bucket[5m])))", legend: "90th percentile" },
        ],
      }),
    )
    .withPanel(
      lines({
        title: "API latency",
        description: "90th percentile by route, without followed streams",
        unit: "s",
        width: 8,
        queries: [
          {
            expr: "histogram_quantile(0.9, sum by (le, route) (rate(http_request_duration_seconds_bucket[5m])))",
            legend: "{{route}}",
          },
        ],
      }),
    )
    .withPanel(
      lines({
        title: "API errors per second",
        description: "Answers of 500 and above",
        unit: "reqps",
        width: 8,
        queries: [{ expr: 'sum(rate(http_request_duration_seconds_count{status=~"5.."}[5m])) or vector(0)', legend: "5xx" }],
      }),
    );
}
