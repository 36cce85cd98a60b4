import { DynamicModule, Global, INestApplication, Module } from '@nestjs/common';
import { Logger, LoggerModule } from 'nestjs-pino';
import { randomUUID } from 'node:crypto';
import { settings } from '../settings';
import { Logs } from './logs';
import { PinoLogs } from './pino-logs';
import { watchRequests } from './requests';
import { TextLogs } from './text-logs';
import { WinstonLogs } from './winston-logs';

@Global()
@Module({})
export class LoggingModule {
  static asSet(): DynamicModule {
    const shared = { module: LoggingModule, exports: [Logs] };
    switch (settings.logger) {
      case 'pino':
        return {
          ...shared,
          imports: [
            // Everything but the id is nestjs-pino's default: that is what most portals run, and what leaks in their logs.
            LoggerModule.forRoot({
              pinoHttp: { genReqId: (request) => request.headers['x-request-id'] ?? randomUUID() },
            }),
          ],
          providers: [{ provide: Logs, useClass: PinoLogs }],
        };
      case 'winston':
        return { ...shared, providers: [{ provide: Logs, useValue: new WinstonLogs(settings.logFolder) }] };
      case 'text':
        return { ...shared, providers: [{ provide: Logs, useValue: new TextLogs() }] };
      default:
        throw new Error(`LOGGER is ${settings.logger}: neither pino nor winston nor text`);
    }
  }
}

/** Let Nest itself write where the portal writes, and every request leave its line. */
export function useLogs(app: INestApplication): void {
  const logs = app.get(Logs);
  if (logs instanceof WinstonLogs || logs instanceof TextLogs) {
    app.useLogger(logs.logger);
    app.use(watchRequests((request) => logs.request(request)));
  } else {
    app.useLogger(app.get(Logger));
  }
}
