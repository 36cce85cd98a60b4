import { Injectable } from '@nestjs/common';
import { Logs } from '../logging/logs';
import { settings } from '../settings';
import { IntegrationClient } from './integration-client';

export interface Product {
  Id: string;
  Name: string;
  Price: number;
}

const API = '/services/data/v62.0';

/** Orders and the catalogue. */
@Injectable()
export class SalesforceService {
  private readonly client: IntegrationClient;

  constructor(logs: Logs) {
    this.client = new IntegrationClient('Salesforce', logs, SalesforceService.name, {
      baseURL: settings.salesforce.url,
      timeout: 15_000,
      headers: { authorization: `Bearer ${settings.salesforce.accessToken}` },
    });
  }

  products(): Promise<Product[]> {
    const q = 'SELECT Id, Name, Price FROM Product2 WHERE IsActive = true';
    return this.client.call({
      name: 'queryProducts',
      request: { method: 'GET', url: `${API}/query`, params: { q } },
      read: (body) => (body as { records: Product[] }).records,
    });
  }

  orderStatus(id: string): Promise<string> {
    return this.client.call({
      name: 'getOrder',
      request: { method: 'GET', url: `${API}/sobjects/Order/${id}` },
      read: (body) => (body as { Status: string }).Status,
    });
  }

  createOrder(accountId: string, type: string): Promise<string> {
    return this.client.call({
      name: 'createOrder',
      request: { method: 'POST', url: `${API}/sobjects/Order`, data: { AccountId: accountId, Type: type } },
      read: (body) => (body as { id: string }).id,
    });
  }
}
