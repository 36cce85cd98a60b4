import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { CacheService } from '../cache.service';
import { DatabaseService } from '../database.service';

type Check = 'ok' | 'fail';

const PATIENCE_MS = 2_000;

@Controller('health')
export class HealthController {
  constructor(
    private readonly database: DatabaseService,
    private readonly cache: CacheService,
  ) {}

  @Get()
  async health(): Promise<{ status: string; checks: Record<string, Check> }> {
    const [database, cache] = await Promise.all([
      check(this.database.$queryRaw`SELECT 1`),
      check(this.cache.redis.ping()),
    ]);
    const healthy = database === 'ok' && cache === 'ok';
    const body = { status: healthy ? 'ok' : 'error', checks: { database, cache } };
    if (!healthy) throw new ServiceUnavailableException(body);
    return body;
  }
}

async function check(asked: PromiseLike<unknown>): Promise<Check> {
  const tooLate = new Promise<Check>((resolve) => setTimeout(() => resolve('fail'), PATIENCE_MS).unref());
  const answered = Promise.resolve(asked).then(
    (): Check => 'ok',
    (): Check => 'fail',
  );
  return Promise.race([answered, tooLate]);
}
