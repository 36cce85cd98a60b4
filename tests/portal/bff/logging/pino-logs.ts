import { Inject, Injectable } from '@nestjs/common';
import { PARAMS_PROVIDER_TOKEN, Params, PinoLogger } from 'nestjs-pino';
import { Log, Logs } from './logs';

@Injectable()
export class PinoLogs extends Logs {
  private readonly any: PinoLogger;

  constructor(@Inject(PARAMS_PROVIDER_TOKEN) private readonly params: Params) {
    super();
    this.any = new PinoLogger(params);
  }

  of(context: string): Log {
    const logger = new PinoLogger(this.params);
    logger.setContext(context);
    return logger;
  }

  /** The request's own logger carries `req` among its bindings, so no second store has to be kept beside nestjs-pino's. */
  requestId(): string | undefined {
    const req = this.any.logger.bindings().req as { id?: string } | undefined;
    return req?.id;
  }
}
