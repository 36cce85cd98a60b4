import { Injectable } from '@nestjs/common';
import { EventEmitter } from 'node:events';

export interface OrderChange {
  orderId: string;
  status: string;
}

/**
 * Carries changes of orders to the customers' open event streams. Every open stream listens; the emitter keeps Node's
 * default limit of ten listeners, so Node prints its warning on stderr like in many a real service.
 */
@Injectable()
export class OrderBus {
  readonly emitter = new EventEmitter();

  announce(change: OrderChange): void {
    this.emitter.emit('order', change);
  }
}
