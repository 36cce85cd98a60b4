import { HttpException, HttpStatus, Injectable } from '@nestjs/common';
import { CacheService } from './cache.service';
import { Log, Logs } from './logging/logs';
import { settings } from './settings';

/** So many attempts to sign in from one address in a minute. Counted in Redis; without Redis nothing is limited. */
@Injectable()
export class LoginLimiter {
  private readonly logger: Log;

  constructor(
    logs: Logs,
    private readonly cache: CacheService,
  ) {
    this.logger = logs.of(LoginLimiter.name);
  }

  async count(address: string): Promise<void> {
    const key = `ratelimit:login:${address}`;
    let attempts: number;
    try {
      attempts = await this.cache.redis.incr(key);
      if (attempts === 1) await this.cache.redis.expire(key, 60);
    } catch (err) {
      this.logger.error({ err }, 'Rate limit check failed, the request is let through');
      return;
    }
    if (attempts > settings.loginsPerMinute) {
      this.logger.warn({ ip: address, attempts }, 'Rate limit exceeded');
      throw new HttpException('ThrottlerException: Too Many Requests', HttpStatus.TOO_MANY_REQUESTS);
    }
  }
}
