import { PinoLogger } from 'nestjs-pino';

/**
 * The id of the customer's request being served. The request's own logger carries `req` among its bindings, so no
 * second store of our own has to be kept beside nestjs-pino's; outside of requests there is none.
 */
export function currentRequestId(logger: PinoLogger): string | undefined {
  const req = logger.logger.bindings().req as { id?: string } | undefined;
  return req?.id;
}
