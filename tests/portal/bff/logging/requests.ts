import type { NextFunction, Request, Response } from 'express';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { SignedIn } from '../session.guard';

export interface Finished {
  method: string;
  url: string;
  /** Absent where the customer left before the answer. */
  statusCode?: number;
  durationMs: number;
  ip: string;
  userId?: number;
  userAgent?: string;
}

const current = new AsyncLocalStorage<string>();

export function requestIdNow(): string | undefined {
  return current.getStore();
}

export function addressOf(request: Request): string {
  return request.header('x-forwarded-for')?.split(',')[0] ?? request.ip ?? 'unknown';
}

/** The middleware that many a Nest project has of its own: one line for each request when it ends. Event streams are logged where they are served. */
export function watchRequests(finished: (request: Finished) => void) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const startedAt = performance.now();
    current.run(request.header('x-request-id') ?? randomUUID(), () => {
      response.on('close', () => {
        if (String(response.getHeader('content-type')).startsWith('text/event-stream')) return;
        finished({
          method: request.method,
          url: request.originalUrl,
          statusCode: response.writableFinished ? response.statusCode : undefined,
          durationMs: Math.round(performance.now() - startedAt),
          ip: addressOf(request),
          userId: (request as Partial<SignedIn>).session?.userId,
          userAgent: request.header('user-agent'),
        });
      });
      next();
    });
  };
}
