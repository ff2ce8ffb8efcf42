import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import type { PanelBuilder as StatPanel } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as StatPanelBuilder } from "@grafana/grafana-foundation-sdk/stat";
import type { PanelBuilder as TimeseriesPanel } from "@grafana/grafana-foundation-sdk/timeseries";
import { PanelBuilder as TimeseriesPanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

/** The dashboard's `datasource` variable, so that one file serves every Prometheus. */
const DATASOURCE = { type: "prometheus", uid: "$datasource" };

/** A PromQL expression and how its series are named in the legend. */
export interface Query {
  expr: string;
  legend: string;
}

interface PanelOptions {
  title: string;
  /** What the panel tells and what to do when it looks wrong. */
  description: string;
  unit: string;
  queries: Query[];
  /** Columns of Grafana's 24-column grid. */
  width: number;
}

/** One number now. */
export function stat(options: PanelOptions): StatPanel {
  const panel = new StatPanelBuilder()
    .title(options.title)
    .description(options.description)
    .unit(options.unit)
    .datasource(DATASOURCE)
    .height(4)
    .span(options.width);
  for (const query of options.queries) panel.withTarget(target(query).instant());
  return panel;
}

/** Lines over time. */
export function lines(options: PanelOptions): TimeseriesPanel {
  const panel = new TimeseriesPanelBuilder()
    .title(options.title)
    .description(options.description)
    .unit(options.unit)
    .datasource(DATASOURCE)
    .min(0)
    .fillOpacity(8)
    .lineWidth(1)
    .height(8)
    .span(options.width);
  for (const query of options.queries) panel.withTarget(target(query));
  return panel;
}

function target(query: Query): DataqueryBuilder {
  return new DataqueryBuilder().expr(query.expr).legendFormat(query.legend);
}
