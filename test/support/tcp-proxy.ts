// A TCP proxy between any two parts: adds delay to each chunk, cuts the connection after so many bytes, or refuses.
import { connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";
import { listen } from "../../scripts/local/loopback.ts";

export interface ProxyFaults {
  /** Added to each chunk in both directions. */
  readonly delayMs?: number;
  /** Cut the connection when this many bytes have come back from the target. */
  readonly cutAfterBytes?: number;
  /** How it is cut: a TCP reset (default) or a clean end. */
  readonly cutBy?: "reset" | "fin";
  /** Accept connections and reset them at once. */
  readonly refuse?: boolean;
  /** Accept connections and pass nothing on. */
  readonly hang?: boolean;
}

export interface TcpProxy {
  readonly port: number;
  /** Replaces all faults, for connections made from now on. */
  setFaults(faults: ProxyFaults): void;
  connections(): number;
  stop(): Promise<void>;
}

/** Starts a proxy on 127.0.0.1 to a port of the same machine. */
export async function startTcpProxy(
  targetPort: number,
  initial: ProxyFaults = {},
): Promise<TcpProxy> {
  let faults = initial;
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    connections++;
    const track = (socket: Socket) => {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
      // A reset is what this proxy is for: it must not end the process.
      socket.on("error", () => {});
    };
    track(client);
    const { delayMs = 0, cutAfterBytes = Infinity, cutBy = "reset", refuse, hang } = faults;
    if (refuse) {
      client.resetAndDestroy();
      return;
    }
    if (hang) {
      client.resume();
      return;
    }
    const target = connect(targetPort, "127.0.0.1");
    track(target);
    target.once("close", (hadError) => hadError && client.resetAndDestroy());
    client.once("close", () => target.destroy());
    let left = cutAfterBytes;
    const cutting = delayed(delayMs, (chunk) => {
      const kept = chunk.subarray(0, Math.max(0, left));
      left -= chunk.length;
      return kept;
    });
    client.pipe(delayed(delayMs, (chunk) => chunk)).pipe(target);
    target.pipe(cutting);
    cutting.once("end", () => client.end());
    cutting.on("data", (chunk: Buffer) => {
      client.write(chunk, () => {
        if (left > 0) return;
        if (cutBy === "fin") client.end();
        else setTimeout(() => client.resetAndDestroy(), 5);
      });
    });
  });
  const port = await listen(server);
  return {
    port,
    setFaults: (next) => {
      faults = next;
    },
    connections: () => connections,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function delayed(delayMs: number, change: (chunk: Buffer) => Buffer): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const pass = () => done(null, change(chunk));
      if (delayMs > 0) setTimeout(pass, delayMs);
      else pass();
    },
  });
}
