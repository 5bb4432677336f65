// One process of a reproduction: runs the jobs that it is sent.
import { answerJobs } from "../../src/trainer-node/reproduction/run-jobs.ts";
import { veloRunner } from "../../src/trainer-node/reproduction/velo/run-job.ts";

answerJobs(veloRunner({ weights: process.argv[2]! }));
