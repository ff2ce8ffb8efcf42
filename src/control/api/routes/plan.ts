import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { BerthError, type Job } from "../../../shared/domain/index.ts";
import { type ExplanationView, type JobSpecInput, resolveJobSpec } from "../../../shared/wire/index.ts";
import type { ImageFacts } from "../../images/index.ts";
import { currentSnapshot } from "../../jobs/index.ts";
import { explainJob } from "../../scheduler/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { userOf } from "../auth/identity.ts";
import { acceptYaml } from "../http/job-body.ts";
import { route } from "../http/route-schema.ts";
import { PENDING_READ } from "./explain.ts";
import { refuseLargeArray } from "./refuse-large-array.ts";

/** No job's id: the planned one comes after every other of its age. */
const PLANNED = "planned";

/** Answers as if the job were submitted now; changes nothing. */
export function plan(scope: FastifyInstance, deps: ApiDeps): void {
  acceptYaml(scope);
  scope.post<{ Body: JobSpecInput }>(
    "/v1/plan",
    route({
      access: "user",
      tag: "jobs",
      operationId: "planJob",
      summary: "Where a job would start if it were submitted now",
      description: "JSON or YAML, as for submitting. Nothing is stored. What the image requires is read at its registry, within 3 s.",
      consumes: ["application/json", "application/yaml"],
      body: Type.Ref("JobSpec#"),
      specBody: true,
      response: { 200: Type.Ref("Explanation#") },
    }),
    async (request): Promise<ExplanationView> => {
      const spec = resolveJobSpec(request.body);
      refuseLargeArray(spec, deps.maxArrayTasks);
      const now = deps.clock.now();
      const image = (await deps.readImage?.(spec, deps.stopping)) ?? null;
      const planned = {
        id: PLANNED,
        spec,
        queuedAt: now,
        submittedAt: now,
        user: userOf(request.identity),
        attempt: null,
        ...rowFacts(image),
      };
      const { queueing, movesPerHour, placement } = deps;
      const snapshot = await currentSnapshot(deps.stores, planned, { mostPending: PENDING_READ, now, queueing, movesPerHour, placement });
      const explanation = explainJob(deps.decide, snapshot, now, PLANNED);
      if (explanation === null) throw new BerthError("internal", "the planned job is missing in its own snapshot");
      const said = image === null ? {} : { image: { digest: image.digest, architectures: image.architectures, note: image.note } };
      return { ...explanation, jobId: null, state: "planned", ...said };
    },
  );
}

function rowFacts(image: ImageFacts | null): Pick<Job, "imageRequirements" | "imageArchitectures" | "imageLayers"> {
  if (image === null) return {};
  const { requirements, architectures, layers } = image;
  return {
    imageRequirements: requirements,
    ...(architectures.length === 0 ? {} : { imageArchitectures: architectures }),
    ...(layers.length === 0 ? {} : { imageLayers: layers }),
  };
}
