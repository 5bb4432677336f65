// What a process has used, as Linux tells it.
import { readFileSync } from "node:fs";

/** User and system time in milliseconds, in steps of 10. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name before the last bracket may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory in bytes, pages of files that the kernel may drop left out. */
export function residentBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]);
}
