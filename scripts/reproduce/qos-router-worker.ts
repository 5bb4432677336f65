// One process of the study of routers: runs the jobs that it is sent. Arguments: folder of weights, file of the trace.
import { answerJobs } from "../../src/trainer-node/reproduction/run-jobs.ts";
import { qosRouterRunner } from "../../src/trainer-node/reproduction/qos-router/run-job.ts";

const [weights = "", trace] = process.argv.slice(2);
answerJobs(qosRouterRunner({ weights, trace: trace ?? null }));
