import { LoggerService } from '@nestjs/common';
import { WinstonModule } from 'nest-winston';
import { join } from 'node:path';
import { createLogger, format, transports } from 'winston';
import { Fields, Log, Logs } from './logs';
import { Finished, requestIdNow } from './requests';

/** winston with two files: everything, and the errors once more. */
export class WinstonLogs extends Logs {
  private readonly winston;
  readonly logger: LoggerService;

  constructor(folder: string) {
    super();
    this.winston = createLogger({
      format: format.combine(format.timestamp(), format.errors({ stack: true }), format.json()),
      transports: [
        new transports.File({ filename: join(folder, 'combined.log') }),
        new transports.File({ filename: join(folder, 'error.log'), level: 'error' }),
      ],
    });
    this.logger = WinstonModule.createLogger({ instance: this.winston });
  }

  of(context: string): Log {
    const say = (level: string) => (fields: Fields, message: string) =>
      void this.winston.log(level, message, { context, requestId: requestIdNow(), ...withError(fields) });
    return { info: say('info'), warn: say('warn'), error: say('error') };
  }

  requestId(): string | undefined {
    return requestIdNow();
  }

  request(request: Finished): void {
    const { method, url, statusCode, durationMs } = request;
    const level = (statusCode ?? 0) >= 500 ? 'error' : 'info';
    const said = statusCode === undefined ? 'request aborted' : `${method} ${url} ${statusCode} ${durationMs}ms`;
    this.winston.log(level, said, { context: 'HTTP', requestId: requestIdNow(), ...request });
  }
}

function withError({ err, ...fields }: Fields): Fields {
  if (!(err instanceof Error)) return fields;
  const { name, message, stack } = err;
  return { ...fields, error: { name, message, code: (err as { code?: string }).code }, stack };
}
