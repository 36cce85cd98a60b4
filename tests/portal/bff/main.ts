import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module';
import { useLogs } from './logging/logging.module';
import { Logs } from './logging/logs';
import { deprecatedSettings, settings } from './settings';

async function main(): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, { bufferLogs: true });
  useLogs(app);
  app.disable('etag'); // answers are private and not to be cached by anything in between
  app.enableShutdownHooks();
  await app.listen(settings.port, '127.0.0.1');

  const log = app.get(Logs).of('Bootstrap');
  log.info({ version: settings.version, port: settings.port }, 'Customer Portal BFF started');
  for (const name of deprecatedSettings()) {
    log.warn({ setting: name }, `Setting ${name} is deprecated and will be removed in 2.0`);
  }
}

void main();
