import { ConsoleLogger } from '@nestjs/common';
import { Fields, Log, Logs } from './logs';
import { Finished, requestIdNow } from './requests';

/** Nest's own logger, as it comes: text, to the second, no fields. */
export class TextLogs extends Logs {
  readonly logger = new ConsoleLogger({ colors: false });

  of(context: string): Log {
    return {
      info: (fields, message) => this.logger.log(worded(fields, message), context),
      warn: (fields, message) => this.logger.warn(worded(fields, message), context),
      error: (fields, message) => {
        const { err } = fields;
        if (err instanceof Error) this.logger.error(`${worded(fields, message)}: ${err.message}`, err.stack, context);
        else this.logger.error(worded(fields, message), undefined, context);
      },
    };
  }

  requestId(): string | undefined {
    return requestIdNow();
  }

  request({ method, url, statusCode, durationMs }: Finished): void {
    const line = `${method} ${url} ${statusCode ?? 'aborted'} - ${durationMs}ms`;
    if ((statusCode ?? 0) >= 500) this.logger.error(line, undefined, 'HTTP');
    else this.logger.log(line, 'HTTP');
  }
}

function worded({ err: _, durationMs, ...fields }: Fields, message: string): string {
  const words = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`);
  if (durationMs !== undefined) words.push(`took ${durationMs}ms`);
  return [message, ...words].join(' ');
}
