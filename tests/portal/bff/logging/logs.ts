/** What a part of the portal says; the fields come first, as pino has it. */
export interface Log {
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

export interface Fields {
  err?: unknown;
  durationMs?: number;
  [name: string]: unknown;
}

/** Gives each part of the portal its log. Which library writes it is the one thing in which portals differ here. */
export abstract class Logs {
  abstract of(context: string): Log;

  /** The id of the customer's request being served; outside of requests there is none. */
  abstract requestId(): string | undefined;
}
