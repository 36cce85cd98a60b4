import { Injectable } from '@nestjs/common';
import { Logs } from '../logging/logs';
import { settings } from '../settings';
import { IntegrationClient, IntegrationError } from './integration-client';

interface WhmcsBody {
  result?: string;
  message?: string;
  [field: string]: unknown;
}

/** Billing. One address, the action in the form; `result` says whether a 200 is a success. */
@Injectable()
export class WhmcsService {
  private readonly client: IntegrationClient;

  constructor(logs: Logs) {
    this.client = new IntegrationClient('WHMCS', logs, WhmcsService.name, {
      timeout: 15_000,
      validateStatus: (status) => status < 500, // a refusal says why in its body, whatever its status
    });
  }

  async invoices(clientId: number): Promise<unknown> {
    return (await this.send('GetInvoices', { userid: clientId, limitnum: 10 })).invoices;
  }

  async paymentMethods(clientId: number): Promise<unknown> {
    return (await this.send('GetPayMethods', { clientid: clientId })).paymethods;
  }

  private send(action: string, fields: Record<string, string | number>): Promise<WhmcsBody> {
    const { identifier, secret } = settings.whmcs;
    const form = new URLSearchParams({ action, identifier, secret, responsetype: 'json' });
    for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
    return this.client.call({
      name: action,
      request: { method: 'POST', url: settings.whmcs.url, data: form.toString() },
      read: (answer) => {
        if (typeof answer !== 'object' || answer === null) {
          throw new IntegrationError(`WHMCS API answered no JSON: ${String(answer).slice(0, 80)}`, 'NOT_JSON');
        }
        const body = answer as WhmcsBody;
        if (body.result === 'success') return body;
        throw new IntegrationError(`WHMCS API error: ${body.message ?? 'no message'}`, body.result ?? 'no result');
      },
    });
  }
}
