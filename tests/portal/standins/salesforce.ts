import type { ServerResponse } from 'node:http';
import { FaultPlan, Phase } from './faults';
import { Call, Incoming, LedgerEntry } from './standin';

const PRODUCTS = Array.from({ length: 12 }, (_, index) => ({
  Id: `01tAA${String(index).padStart(10, '0')}QAA`,
  Name: `Plan ${index + 1}`,
  Price: 980 + 500 * index,
}));

/** An order is reviewed this long after it was created. */
const REVIEW_MS = 2_500;

/** An idle stream says at least so often that it lives. The real one leaves up to 270 seconds. */
const KEEPALIVE_MS = 60_000;

interface ReviewedOrder {
  replayId: number;
  orderId: string;
}

/** Salesforce's REST API for the two objects the portal uses, and the event that a reviewed order gives. */
export class Salesforce {
  private readonly subscribers = new Set<ServerResponse>();
  private readonly announced: ReviewedOrder[] = [];
  private created = 0;
  private replayId = 5_208_100; // as high as real ones: of numbers below 10,000 Redis cannot tell how old they are

  constructor(
    private readonly plan: FaultPlan,
    private readonly ledger: LedgerEntry[],
  ) {
    setInterval(() => this.tell({ replayId: this.replayId }), KEEPALIVE_MS).unref();
  }

  /** Cut the streams, as a restart of either side would; the subscriber comes back and asks for what it has missed. */
  cutStreams(): void {
    for (const subscriber of this.subscribers) subscriber.destroy();
  }

  readonly understand = ({ method, url, requestId }: Incoming): Call => {
    if (url.pathname.startsWith('/event/')) {
      return { operation: 'platformEvents', latency: NO_LATENCY, answer: () => undefined, stream: this.subscribe(url) };
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
    this.replayId += 1;
    const event = { replayId: this.replayId, orderId };
    this.announced.push(event);
    const phase = this.silence();
    if (phase) {
      // The one affected is the customer whose order now waits.
      const receivedAt = Date.now();
      const call = { integration: 'salesforce', operation: 'platformEvents', requestId, receivedAt };
      this.ledger.push({ ...call, phase: phase.name, outcome: 'silent' });
    }
    this.tell(event);
  }

  private tell(what: { replayId: number }): void {
    if (this.silence()) return;
    for (const subscriber of this.subscribers) subscriber.write(`${JSON.stringify(what)}\n`);
  }

  private silence(): Phase | undefined {
    const phase = this.plan.phaseNow('salesforce', 'platformEvents');
    return phase?.silent ? phase : undefined;
  }

  private readonly subscribe = (url: URL) => (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    this.subscribers.add(response);
    response.on('close', () => this.subscribers.delete(response));
    const seen = Number(url.searchParams.get('replayId') ?? -1);
    if (seen < 0 || this.silence()) return;
    for (const event of this.announced.filter(({ replayId }) => replayId > seen)) {
      response.write(`${JSON.stringify(event)}\n`);
    }
  };
}

const NO_LATENCY = { median_ms: 0, spread: 0 };

function latency(median_ms: number): { median_ms: number; spread: number } {
  return { median_ms, spread: 0.3 };
}
