import { Latency, Random } from './random';

/** A number that stays, or runs evenly from one value to another during its phase. */
type Ramp = number | { from: number; to: number };

/** What a stand-in does instead of answering as usual. */
export type Outcome =
  | { do: 'answer'; status: number; content_type?: string; body: unknown; median_ms?: number }
  | { do: 'hang' }
  | { do: 'reset' };

export interface Phase {
  name: string;
  from_s: number;
  /** Absent: until the fault is removed. */
  to_s?: number;
  /** Absent: all operations. */
  operations?: string[];
  /** Absent: as fast as ever. */
  median_ms?: Ramp;
  spread?: number;
  /** What is left of 1 answers as usual, only later. */
  outcomes?: { share: Ramp; outcome: Outcome }[];
  /** Nobody listens on the port: connections are refused. */
  refuse?: boolean;
  /** Event streams stay open and say nothing. */
  silent?: boolean;
}

/** A single failure on an ordinary day: the first matching call `at_s` after the customers came gets it. */
export interface Blip {
  at_s: number;
  integration: string;
  operation: string;
  outcome: Outcome;
}

export interface Plan {
  seed: number;
  blips: Blip[];
  /** By integration. */
  phases: Record<string, Phase[]>;
}

/** How one call is to be served. */
export interface Treatment {
  latencyMs: number;
  outcome?: Outcome;
  /** The phase of the fault that decided it; absent on an ordinary call. */
  phase?: string;
}

export class FaultPlan {
  private readonly random: Random;
  private readonly blips: Blip[];
  private begunAt?: number;
  private injectedAt?: number;

  constructor(private readonly plan: Plan) {
    this.random = new Random(plan.seed);
    this.blips = [...plan.blips];
  }

  /** The customers come: from now on the blips' time runs. */
  begin(): void {
    this.begunAt = Date.now();
  }

  inject(): void {
    this.injectedAt = Date.now();
  }

  remove(): void {
    this.injectedAt = undefined;
  }

  phasesOf(integration: string): Phase[] {
    return this.plan.phases[integration] ?? [];
  }

  treat(integration: string, operation: string, usual: Latency): Treatment {
    const phase = this.phaseNow(integration, operation);
    if (!phase) return { latencyMs: this.random.latencyMs(usual), outcome: this.blipNow(integration, operation) };

    const at = (ramp: Ramp) => this.valueNow(phase, ramp);
    const latency = {
      median_ms: phase.median_ms === undefined ? usual.median_ms : at(phase.median_ms),
      spread: phase.spread ?? usual.spread,
    };
    let draw = this.random.next();
    const drawn = (phase.outcomes ?? []).find(({ share }) => (draw -= at(share)) < 0)?.outcome;
    if (drawn?.do === 'answer' && drawn.median_ms !== undefined) latency.median_ms = drawn.median_ms;
    return { latencyMs: this.random.latencyMs(latency), outcome: drawn, phase: phase.name };
  }

  phaseNow(integration: string, operation: string): Phase | undefined {
    const elapsedS = this.elapsedS();
    if (elapsedS === undefined) return undefined;
    return this.phasesOf(integration).find(
      (phase) =>
        elapsedS >= phase.from_s &&
        elapsedS < (phase.to_s ?? Infinity) &&
        (phase.operations === undefined || phase.operations.includes(operation)),
    );
  }

  private elapsedS(): number | undefined {
    return this.injectedAt === undefined ? undefined : (Date.now() - this.injectedAt) / 1000;
  }

  private valueNow(phase: Phase, ramp: Ramp): number {
    if (typeof ramp === 'number') return ramp;
    const lengthS = (phase.to_s ?? phase.from_s) - phase.from_s;
    const done = lengthS > 0 ? ((this.elapsedS() ?? 0) - phase.from_s) / lengthS : 1;
    return ramp.from + (ramp.to - ramp.from) * Math.min(1, Math.max(0, done));
  }

  private blipNow(integration: string, operation: string): Outcome | undefined {
    if (this.begunAt === undefined) return undefined;
    const elapsedS = (Date.now() - this.begunAt) / 1000;
    const index = this.blips.findIndex(
      (blip) => blip.integration === integration && blip.operation === operation && elapsedS >= blip.at_s,
    );
    return index < 0 ? undefined : this.blips.splice(index, 1)[0].outcome;
  }
}
