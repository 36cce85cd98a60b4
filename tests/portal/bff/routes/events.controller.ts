import { Controller, MessageEvent, Sse, UseGuards } from '@nestjs/common';
import { fromEvent, interval, map, merge, Observable, takeUntil, timer } from 'rxjs';
import { OrderBus, OrderChange } from '../order-bus';
import { SessionGuard } from '../session.guard';

const HEARTBEAT_MS = 15_000;
const LIFETIME_MS = 90_000;

/** Changes of orders, pushed to the open page. The server ends a stream after a while; browsers come back by themselves. */
@Controller('api/events')
@UseGuards(SessionGuard)
export class EventsController {
  constructor(private readonly bus: OrderBus) {}

  @Sse()
  stream(): Observable<MessageEvent> {
    const changes = fromEvent(this.bus.emitter, 'order').pipe(
      map((change) => ({ type: 'order', data: change as OrderChange })),
    );
    const heartbeats = interval(HEARTBEAT_MS).pipe(map(() => ({ type: 'heartbeat', data: '' })));
    return merge(changes, heartbeats).pipe(takeUntil(timer(LIFETIME_MS)));
  }
}
