// A local server's life: listen on loopback, stop together with its connections.
import { type Server as HttpServer } from "node:http";
import { type Server } from "node:net";

/** Listens on 127.0.0.1 (port 0 takes a free one) and resolves to the port. */
export function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no TCP address"));
      else resolve(address.port);
    });
  });
}

/** Stops listening and closes every connection, idle or not. */
export function stop(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
