// A labelled request stream together with everything that is known about its answers.
import { loadDataDirectory } from "../../src/trainer-node/simulator/data-directory.ts";
import {
  type Group,
  type Half,
  loadBundled,
  onlyHalf,
} from "../../src/trainer-node/simulator/groups.ts";
import { type WorkloadRequest } from "../../src/trainer-node/simulator/request.ts";
import {
  generateWorkload,
  type Workload,
  type WorkloadOptions,
} from "../../src/trainer-node/simulator/workload.ts";
import { conversationKey, type KnownAnswer } from "../local/model-server.ts";
import { answersFor } from "../local/workload-answers.ts";

export interface Stream {
  readonly workload: Workload;
  readonly requests: readonly WorkloadRequest[];
  /** Every group of the data, asked or not. */
  readonly known: readonly Group[];
  /** How many groups are asked. */
  readonly groups: number;
  /** What the model says, by question or conversation: of all asked groups and the parents of asked follow-ups. */
  readonly answers: ReadonlyMap<string, KnownAnswer>;
  readonly answerWith: (text: string) => KnownAnswer | undefined;
  readonly answerTo: (request: WorkloadRequest) => string;
  /** A question and its near misses are one family. */
  readonly familyOf: (group: string) => string;
}

/** The groups of a data directory, or the bundled ones. Throws WorkloadDataError. */
export async function loadGroups(data: string | undefined): Promise<readonly Group[]> {
  return data === undefined ? loadBundled() : await loadDataDirectory(data);
}

export interface StreamOptions extends Omit<WorkloadOptions, "groups"> {
  readonly half: Half | "all";
}

/** Draws streams that one model answers. */
export function streamsOf(
  all: readonly Group[],
  options: readonly StreamOptions[],
): readonly Stream[] {
  const workloads = options.map((each) =>
    generateWorkload({ ...each, groups: onlyHalf(all, each.half) }),
  );
  const asked = workloads.map(({ requests }) => new Set(requests.map(({ group }) => group)));
  const answers = answersFor(withParents(all, new Set(asked.flatMap((ids) => [...ids]))));
  const byText = new Map([...answers.values()].map((answer) => [answer.text, answer]));
  const families = new Map(all.map(({ id, family }) => [id, family]));
  return workloads.map((workload, i) => ({
    workload,
    requests: workload.requests,
    known: all,
    groups: asked[i]!.size,
    answers,
    answerWith: (text) => byText.get(text),
    answerTo: (request) => answers.get(keyOf(request))?.text ?? "",
    familyOf: (group) => families.get(group) ?? group,
  }));
}

function withParents(groups: readonly Group[], asked: ReadonlySet<string>): readonly Group[] {
  const parents = new Set(
    groups.flatMap(({ id, parent }) => (asked.has(id) ? (parent ?? []) : [])),
  );
  return groups.filter(({ id }) => asked.has(id) || parents.has(id));
}

function keyOf({ history = [], question }: WorkloadRequest): string {
  const turns = history.filter(({ role }) => role === "user").map(({ content }) => content);
  return conversationKey([...turns, question]);
}
