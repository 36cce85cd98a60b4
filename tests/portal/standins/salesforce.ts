import type { ServerResponse } from 'node:http';
import { FaultPlan } from './faults';
import { Call, Incoming, LedgerEntry } from './standin';

const PRODUCTS = Array.from({ length: 12 }, (_, index) => ({
  Id: `01tAA${String(index).padStart(10, '0')}QAA`,
  Name: `Plan ${index + 1}`,
  Price: 980 + 500 * index,
}));

/** An order is reviewed this long after it was created. */
const REVIEW_MS = 2_500;

/** Salesforce's REST API for the two objects the portal uses, and the event that a reviewed order gives. */
export class Salesforce {
  private readonly subscribers = new Set<ServerResponse>();
  private created = 0;
  private replayId = 4_100;

  constructor(
    private readonly plan: FaultPlan,
    private readonly ledger: LedgerEntry[],
  ) {}

  readonly understand = ({ method, url, requestId }: Incoming): Call => {
    if (url.pathname.startsWith('/event/')) {
      return { operation: 'platformEvents', latency: NO_LATENCY, answer: () => undefined, stream: this.subscribe };
    }
    if (url.pathname.endsWith('/query')) {
      return { operation: 'queryProducts', latency: latency(190), answer: () => ({ records: PRODUCTS, done: true }) };
    }
    if (method === 'POST') {
      return { operation: 'createOrder', latency: latency(380), status: 201, answer: () => this.create(requestId) };
    }
    const id = url.pathname.split('/').pop();
    return { operation: 'getOrder', latency: latency(140), answer: () => ({ Id: id, Status: 'Activated' }) };
  };

  private create(requestId?: string): { id: string; success: boolean; errors: unknown[] } {
    this.created += 1;
    const id = `801NEW${this.created.toString(36).toUpperCase().padStart(9, '0')}IAQ`;
    setTimeout(() => this.announce(id, requestId), REVIEW_MS);
    return { id, success: true, errors: [] };
  }

  private announce(orderId: string, requestId?: string): void {
    const phase = this.plan.phaseNow('salesforce', 'platformEvents');
    if (phase?.silent) {
      // The one affected is the customer whose order will now wait for ever.
      const receivedAt = Date.now();
      const call = { integration: 'salesforce', operation: 'platformEvents', requestId, receivedAt };
      this.ledger.push({ ...call, phase: phase.name, outcome: 'silent' });
      return;
    }
    this.replayId += 1;
    for (const subscriber of this.subscribers) {
      subscriber.write(`${JSON.stringify({ replayId: this.replayId, orderId })}\n`);
    }
  }

  private readonly subscribe = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    this.subscribers.add(response);
    response.on('close', () => this.subscribers.delete(response));
  };
}

const NO_LATENCY = { median_ms: 0, spread: 0 };

function latency(median_ms: number): { median_ms: number; spread: number } {
  return { median_ms, spread: 0.3 };
}
