// What a process has used, as Linux tells it.
import { readFileSync } from "node:fs";

/** User and system time in milliseconds, in steps of 10. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name before the last bracket may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Bytes in memory: all, and those that belong to the process alone (no pages of its program's file). */
export function memoryOf(pid: number): { readonly resident: number; readonly anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (field: string) =>
    1024 * Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]);
  return { resident: bytes("VmRSS"), anonymous: bytes("RssAnon") };
}
