import { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultPlan, Outcome } from './faults';
import { Latency } from './random';

export interface Incoming {
  method: string;
  url: URL;
  body: string;
  /** The customer's request that this call serves, as the BFF passes it on. */
  requestId?: string;
}

/** What a stand-in would do with a call on an ordinary day. */
export interface Call {
  operation: string;
  latency: Latency;
  status?: number;
  answer: () => unknown;
  /** An event stream: the stand-in keeps the connection and writes to it when it has something to say. */
  stream?: (response: ServerResponse) => void;
}

/** Whom the stand-ins served how: what later counts as affected. */
export interface LedgerEntry {
  integration: string;
  operation: string;
  requestId?: string;
  receivedAt: number;
  phase?: string;
  outcome: Outcome['do'] | 'as usual' | 'silent';
}

/** One outside system: an HTTP server on a loopback port, treated by the fault plan. */
export class StandIn {
  private readonly server: Server;
  private port = 0;

  constructor(
    private readonly integration: string,
    private readonly understand: (incoming: Incoming) => Call,
    private readonly plan: FaultPlan,
    private readonly ledger: LedgerEntry[],
  ) {
    this.server = createServer((request, response) => {
      // A caller that is gone before it has said everything gets no answer.
      this.serve(request, response).catch(() => request.destroy());
    });
    this.server.keepAliveTimeout = 60_000;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return `http://127.0.0.1:${this.port}`;
  }

  refuse(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const receivedAt = Date.now();
    const url = new URL(request.url ?? '/', 'http://standin');
    const requestId = [request.headers['x-request-id']].flat()[0];
    const call = this.understand({ method: request.method ?? 'GET', url, body: await bodyOf(request), requestId });
    if (call.stream) {
      call.stream(response);
      return;
    }
    const { latencyMs, outcome, phase } = this.plan.treat(this.integration, call.operation, call.latency);
    this.ledger.push({
      integration: this.integration,
      operation: call.operation,
      requestId,
      receivedAt,
      phase,
      outcome: outcome?.do ?? 'as usual',
    });
    if (outcome?.do === 'hang') return; // until the caller gives up
    await sleep(latencyMs);
    if (outcome?.do === 'reset') request.socket.destroy();
    else if (outcome) send(response, outcome.status, outcome.body, outcome.content_type);
    else send(response, call.status ?? 200, call.answer());
  }
}

function send(response: ServerResponse, status: number, body: unknown, contentType = 'application/json'): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  request.setEncoding('utf8');
  for await (const chunk of request) body += chunk as string;
  return body;
}
