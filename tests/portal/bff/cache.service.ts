import { Injectable, OnModuleDestroy } from '@nestjs/common';
import Redis from 'ioredis';
import { Log, Logs } from './logging/logs';
import { settings } from './settings';

/**
 * Redis: sessions, the token blacklist and the login limits, and a cache of answers that are slow to get.
 * The portal can do without the cache.
 */
@Injectable()
export class CacheService implements OnModuleDestroy {
  readonly redis = new Redis(settings.redisUrl, { maxRetriesPerRequest: 3 });

  private readonly logger: Log;

  constructor(logs: Logs) {
    this.logger = logs.of(CacheService.name);
    this.redis.setMaxListeners(0); // every open event stream waits for its end
    this.redis.on('error', (err) => this.logger.error({ err }, 'Redis connection error'));
  }

  async remember<T>(key: string, lifetimeS: number, load: () => Promise<T>): Promise<T> {
    const cached = await this.read(key);
    if (cached !== null) return JSON.parse(cached) as T;
    const value = await load();
    try {
      await this.redis.set(key, JSON.stringify(value), 'EX', lifetimeS);
    } catch (err) {
      this.logger.error({ err, key }, 'Cache write failed, the next request asks the source again');
    }
    return value;
  }

  private async read(key: string): Promise<string | null> {
    try {
      return await this.redis.get(key);
    } catch (err) {
      this.logger.error({ err, key }, 'Cache read failed, asking the source');
      return null;
    }
  }

  async onModuleDestroy(): Promise<void> {
    await this.redis.quit();
  }
}
