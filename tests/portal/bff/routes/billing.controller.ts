import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import { asHttpFailure } from '../integrations/failure';
import { WhmcsService } from '../integrations/whmcs.service';
import { SessionGuard, SignedIn } from '../session.guard';

@Controller('api/billing')
@UseGuards(SessionGuard)
export class BillingController {
  constructor(private readonly whmcs: WhmcsService) {}

  @Get('invoices')
  async invoices(@Req() request: SignedIn): Promise<unknown> {
    try {
      return await this.whmcs.invoices(request.session.whmcsId);
    } catch (error) {
      throw asHttpFailure('Billing', error);
    }
  }

  @Get('payment-methods')
  async paymentMethods(@Req() request: SignedIn): Promise<unknown> {
    try {
      return await this.whmcs.paymentMethods(request.session.whmcsId);
    } catch (error) {
      throw asHttpFailure('Billing', error);
    }
  }
}
