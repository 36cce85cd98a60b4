import { Module } from '@nestjs/common';
import { CacheService } from './cache.service';
import { DatabaseService } from './database.service';
import { FreebitService } from './integrations/freebit.service';
import { PlatformEventsService } from './integrations/platform-events.service';
import { SalesforceService } from './integrations/salesforce.service';
import { WhmcsService } from './integrations/whmcs.service';
import { LoggingModule } from './logging/logging.module';
import { LoginLimiter } from './login-limiter';
import { OrderBus } from './order-bus';
import { AuthController } from './routes/auth.controller';
import { BillingController } from './routes/billing.controller';
import { CatalogController } from './routes/catalog.controller';
import { EventsController } from './routes/events.controller';
import { HealthController } from './routes/health.controller';
import { OrdersController } from './routes/orders.controller';
import { SimController } from './routes/sim.controller';

@Module({
  imports: [LoggingModule.asSet()],
  controllers: [
    AuthController,
    BillingController,
    CatalogController,
    EventsController,
    HealthController,
    OrdersController,
    SimController,
  ],
  providers: [
    CacheService,
    DatabaseService,
    FreebitService,
    LoginLimiter,
    OrderBus,
    PlatformEventsService,
    SalesforceService,
    WhmcsService,
  ],
})
export class AppModule {}
