import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { overviewDashboard } from "./overview.ts";

/** Writes the dashboards' JSON into the chart: `npm run build:charts`. A test fails when the committed files are not these. */
const target = process.argv[2] ?? join(process.cwd(), "charts/berth/dashboards");
mkdirSync(target, { recursive: true });
writeFileSync(join(target, "berth-overview.json"), `${JSON.stringify(overviewDashboard(), null, 2)}\n`);
