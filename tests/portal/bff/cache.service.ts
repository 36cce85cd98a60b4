import { Injectable, OnModuleDestroy } from '@nestjs/common';
import Redis from 'ioredis';
import { InjectPinoLogger, PinoLogger } from 'nestjs-pino';
import { settings } from './settings';

/** Redis: sessions and the token blacklist, and a cache of answers that are slow to get. */
@Injectable()
export class CacheService implements OnModuleDestroy {
  readonly redis = new Redis(settings.redisUrl, { maxRetriesPerRequest: 3 });

  constructor(@InjectPinoLogger(CacheService.name) private readonly logger: PinoLogger) {
    this.redis.on('error', (err) => this.logger.error({ err }, 'Redis connection error'));
  }

  async remember<T>(key: string, lifetimeS: number, load: () => Promise<T>): Promise<T> {
    const cached = await this.redis.get(key);
    if (cached !== null) return JSON.parse(cached) as T;
    const value = await load();
    await this.redis.set(key, JSON.stringify(value), 'EX', lifetimeS);
    return value;
  }

  async onModuleDestroy(): Promise<void> {
    await this.redis.quit();
  }
}
