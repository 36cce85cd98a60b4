import { Controller, Get, NotFoundException, Param, UseGuards } from '@nestjs/common';
import { CacheService } from '../cache.service';
import { Product, SalesforceService } from '../integrations/salesforce.service';
import { SessionGuard } from '../session.guard';

@Controller('api/catalog/products')
@UseGuards(SessionGuard)
export class CatalogController {
  constructor(
    private readonly cache: CacheService,
    private readonly salesforce: SalesforceService,
  ) {}

  @Get()
  list(): Promise<Product[]> {
    return this.cache.remember('catalog:products', 30, () => this.salesforce.products());
  }

  @Get(':id')
  async one(@Param('id') id: string): Promise<Product> {
    const found = (await this.list()).find((product) => product.Id === id);
    if (!found) throw new NotFoundException(`No product ${id}`);
    return found;
  }
}
