/** Numbers that look random and are the same for the same seed (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** Evenly in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** Log-normal around a median: most answers near it, a long tail above, never below zero. */
  latencyMs({ median_ms, spread }: Latency): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
    return median_ms * Math.exp(spread * normal);
  }
}

export interface Latency {
  median_ms: number;
  /** Standard deviation of the logarithm; 0.3 puts 95 % of the answers between 0.55 and 1.8 medians. */
  spread: number;
}
