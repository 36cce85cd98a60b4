import { Injectable, OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import axios from 'axios';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CacheService } from '../cache.service';
import { DatabaseService } from '../database.service';
import { Log, Logs } from '../logging/logs';
import { OrderBus } from '../order-bus';
import { settings } from '../settings';

const CHANNEL = '/event/OrderProvisionRequested__e';
const REPLAY_KEY = `sf:pe:replay:${CHANNEL}`;
const RECONNECT_MS = 5_000;

/**
 * Salesforce tells us which orders have been reviewed. The stand-in streams one JSON event a line over HTTP; the real
 * portal reads the same fields from the Pub/Sub API.
 */
@Injectable()
export class PlatformEventsService implements OnApplicationBootstrap, OnModuleDestroy {
  private stream?: Readable;
  private stopping = false;
  private readonly logger: Log;

  constructor(
    logs: Logs,
    private readonly cache: CacheService,
    private readonly database: DatabaseService,
    private readonly bus: OrderBus,
  ) {
    this.logger = logs.of(PlatformEventsService.name);
  }

  onApplicationBootstrap(): void {
    if (settings.salesforce.eventsEnabled) void this.subscribe();
  }

  onModuleDestroy(): void {
    this.stopping = true;
    this.stream?.destroy();
  }

  private async subscribe(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.follow();
      } catch (err) {
        if (!this.stopping) this.logger.error({ err }, 'Platform Event subscription lost');
      }
      if (!this.stopping) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  }

  private async follow(): Promise<void> {
    const replayId = await this.cache.redis.get(REPLAY_KEY);
    const { url, accessToken } = settings.salesforce;
    const response = await axios.get<Readable>(`${url}${CHANNEL}`, {
      params: { replayId: replayId ?? -1 },
      headers: { authorization: `Bearer ${accessToken}` },
      responseType: 'stream',
      proxy: false,
    });
    this.logger.info({ channel: CHANNEL, replayId }, 'Platform Event subscription active');
    this.stream = response.data;
    for await (const line of createInterface({ input: this.stream })) {
      const event = JSON.parse(line) as { replayId: number; orderId?: string };
      if (event.orderId) await this.provision({ ...event, orderId: event.orderId });
      else this.logger.info({ channel: CHANNEL, latestReplayId: event.replayId }, 'Platform Event stream: received keepalive');
    }
  }

  private async provision(event: { replayId: number; orderId: string }): Promise<void> {
    this.logger.info({ channel: CHANNEL, ...event }, 'Platform Event received');
    const { orderId } = event;
    // updateMany: the order may not be in our table yet (or ever, when its activation failed), which is no error.
    await this.database.order.updateMany({ where: { id: orderId }, data: { status: 'Provisioned' } });
    await this.cache.redis.set(REPLAY_KEY, event.replayId);
    this.bus.announce({ orderId, status: 'Provisioned' });
  }
}
