import { Injectable, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/client';
import { settings } from './settings';

@Injectable()
export class DatabaseService extends PrismaClient implements OnModuleInit, OnModuleDestroy {
  constructor() {
    super({
      adapter: new PrismaPg({
        connectionString: settings.databaseUrl,
        max: settings.databaseConnectionLimit,
        connectionTimeoutMillis: 5_000,
        maxLifetimeSeconds: 60,
      }),
    });
  }

  async onModuleInit(): Promise<void> {
    await this.$connect();
  }

  async onModuleDestroy(): Promise<void> {
    await this.$disconnect();
  }

  /** Who did what. Never the reason for a customer's request to fail. */
  async record(userId: number | null, action: string, success: boolean, detail?: string): Promise<void> {
    await this.audit.create({ data: { userId, action, success, detail } });
  }
}
