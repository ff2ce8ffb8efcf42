// Prints the closing line of a test run from vitest's JSON report, and why each skipped test was skipped.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (const file of report.testResults) {
  for (const test of file.assertionResults.filter(({ status }) => status === "pending" || status === "skipped")) {
    console.log(`skipped: ${test.fullName}`);
  }
}
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${report.numPendingTests} skipped`);
