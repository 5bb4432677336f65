// One process of a reproduction: runs the jobs that it is sent.
import { answerJobs } from "../../src/trainer-node/reproduction/run-jobs.ts";
import { perllmRunner } from "../../src/trainer-node/reproduction/perllm/run-job.ts";

answerJobs(perllmRunner);
