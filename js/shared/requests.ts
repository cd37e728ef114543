import type { Bytes } from "./codec.ts";
import type { Host } from "./model.ts";
import type { Scope } from "./scope.ts";

export interface Response {
  /** The name that was requested. */
  response: string;
  [field: string]: unknown;
}

/** Asks Python, or an exported page, for data by name: `{request: name}` is answered by `{response: name}` and
 * buffers. One path for both hosts. */
export interface Requests {
  /** Asks for something. Without a kernel there is no answer: what waits for it says so. */
  request(name: string, parameters?: Record<string, unknown>): void;
  onResponse(handler: (content: Response, buffers: Bytes[]) => void): void;
}

export function openRequests(host: Host, scope: Scope): Requests {
  return {
    request(name, parameters = {}) {
      host.send({ request: name, ...parameters });
    },
    onResponse(handler) {
      const received = (content: Partial<Response> | null, buffers: Bytes[] = []) => {
        if (typeof content?.response === "string") handler(content as Response, buffers);
      };
      scope.onClose(host.on("msg:custom", received));
    },
  };
}
