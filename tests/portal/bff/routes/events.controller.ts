import { Controller, MessageEvent, Req, ServiceUnavailableException, Sse, UseGuards } from '@nestjs/common';
import { finalize, fromEvent, interval, map, merge, Observable, take, takeUntil, tap, timer } from 'rxjs';
import { CacheService } from '../cache.service';
import { Log, Logs } from '../logging/logs';
import { OrderBus, OrderChange } from '../order-bus';
import { SessionGuard, SignedIn } from '../session.guard';

const HEARTBEAT_MS = 15_000;
const LIFETIME_MS = 90_000;

/**
 * Changes of orders, pushed to the open page. The server ends a stream after a while; browsers come back by themselves.
 * Without Redis, through which the real portal's instances tell each other of changes, streams are ended and refused.
 */
@Controller('api/events')
@UseGuards(SessionGuard)
export class EventsController {
  private readonly logger: Log;

  constructor(
    logs: Logs,
    private readonly bus: OrderBus,
    private readonly cache: CacheService,
  ) {
    this.logger = logs.of(EventsController.name);
  }

  @Sse()
  stream(@Req() { session: { userId } }: SignedIn): Observable<MessageEvent> {
    if (this.cache.redis.status !== 'ready') throw new ServiceUnavailableException('Event stream is unavailable');
    this.logger.info({ userId }, 'SSE client connected');
    const changes = fromEvent(this.bus.emitter, 'order').pipe(
      map((change) => ({ type: 'order', data: change as OrderChange })),
    );
    const heartbeats = interval(HEARTBEAT_MS).pipe(map(() => ({ type: 'heartbeat', data: '' })));
    const redisLost = fromEvent(this.cache.redis, 'close').pipe(
      take(1),
      tap(() => this.logger.error({ userId }, 'SSE connection dropped: Redis connection closed')),
    );
    return merge(changes, heartbeats).pipe(
      takeUntil(merge(timer(LIFETIME_MS), redisLost)),
      finalize(() => this.logger.info({ userId }, 'SSE client disconnected')),
    );
  }
}
