import { BadRequestException, Body, Controller, Get, NotFoundException, Param, Post, Req, UseGuards } from '@nestjs/common';
import { CacheService } from '../cache.service';
import { DatabaseService } from '../database.service';
import { FreebitService } from '../integrations/freebit.service';
import { SalesforceService } from '../integrations/salesforce.service';
import { Log, Logs } from '../logging/logs';
import { SessionGuard, SignedIn } from '../session.guard';
import { accountOf } from './sim.controller';

const TYPES = new Set(['SIM', 'INTERNET', 'VPN']);

@Controller('api/orders')
@UseGuards(SessionGuard)
export class OrdersController {
  private readonly logger: Log;

  constructor(
    logs: Logs,
    private readonly database: DatabaseService,
    private readonly cache: CacheService,
    private readonly salesforce: SalesforceService,
    private readonly freebit: FreebitService,
  ) {
    this.logger = logs.of(OrdersController.name);
  }

  @Get()
  list(@Req() request: SignedIn): Promise<unknown> {
    const { userId } = request.session;
    return this.database.order.findMany({ where: { userId }, orderBy: { createdAt: 'desc' }, take: 20 });
  }

  @Get(':id')
  async one(@Req() request: SignedIn, @Param('id') id: string): Promise<unknown> {
    if (!/^[a-zA-Z0-9]{18}$/.test(id)) throw new BadRequestException('An order id has 18 characters');
    const order = await this.database.order.findFirst({ where: { id, userId: request.session.userId } });
    if (!order) throw new NotFoundException(`No order ${id}`);
    const status = await this.cache.remember(`order:${id}`, 15, () => this.salesforce.orderStatus(id));
    return { ...order, salesforceStatus: status };
  }

  @Post()
  async create(@Req() request: SignedIn, @Body() body: { type: string }): Promise<{ id: string }> {
    const { session } = request;
    if (!TYPES.has(body.type)) throw new BadRequestException(`Unknown order type ${body.type}`);
    const id = await this.salesforce.createOrder(session.salesforceId, body.type);
    await this.database.order.create({ data: { id, userId: session.userId, type: body.type } });
    this.logger.info({ orderId: id, userId: session.userId, status: 'Pending Review' }, 'Order created');
    if (body.type === 'SIM') await this.activate(id, session.simId);
    await this.database.record(session.userId, 'order.create', true, id);
    return { id };
  }

  /**
   * Fails with whatever Freebit failed with: nobody translated it here, so the customer gets a plain 500, Nest's own
   * handler logs the error again, and a leftover console.error prints its stack as bare text.
   */
  private async activate(orderId: string, simId: number): Promise<void> {
    try {
      await this.freebit.activate(accountOf(simId), 'PASI_5G');
    } catch (error) {
      console.error(`Order ${orderId} could not be activated:`, (error as Error).stack);
      await this.database.order.update({ where: { id: orderId }, data: { status: 'Activation Failed' } });
      throw error;
    }
  }
}
