import { Injectable } from '@nestjs/common';
import { CacheService } from '../cache.service';
import { Logs } from '../logging/logs';
import { settings } from '../settings';
import { IntegrationClient, IntegrationError } from './integration-client';

export interface Traffic {
  usedMb: number;
  quotaMb: number;
}

interface FreebitBody {
  resultCode?: string;
  status?: { message?: string };
  [field: string]: unknown;
}

/** The mobile carrier. It answers every business failure with HTTP 200 and a resultCode other than "100". */
@Injectable()
export class FreebitService {
  private readonly client: IntegrationClient;

  constructor(
    logs: Logs,
    private readonly cache: CacheService,
  ) {
    this.client = new IntegrationClient('Freebit', logs, FreebitService.name, { baseURL: settings.freebit.url, timeout: 10_000 });
  }

  async topUp(account: string, quotaMb: number): Promise<void> {
    await this.post('addSpec', '/master/addSpec/', { account, quota: quotaMb * 1000 });
  }

  async usage(account: string): Promise<Traffic> {
    const body = await this.post('getTrafficInfo', '/mvno/getTrafficInfo/', { account });
    return { usedMb: Number(body.today ?? 0), quotaMb: Number(body.quota ?? 0) };
  }

  async activate(account: string, planCode: string): Promise<void> {
    await this.post('activateSim', '/mvno/esim/addAcnt/', { account, planCode, addKind: 'N' });
  }

  private async post(name: string, url: string, fields: Record<string, unknown>): Promise<FreebitBody> {
    const authKey = await this.authKey();
    return this.send(name, url, { authKey, ...fields });
  }

  private authKey(): Promise<string> {
    return this.cache.remember('freebit:authKey', 600, async () => {
      const { oemId, oemKey } = settings.freebit;
      return String((await this.send('authOem', '/authOem/', { oemId, oemKey })).authKey);
    });
  }

  private send(name: string, url: string, fields: Record<string, unknown>): Promise<FreebitBody> {
    return this.client.call({
      name,
      request: { method: 'POST', url, data: new URLSearchParams({ json: JSON.stringify(fields) }).toString() },
      read: (answer) => {
        const body = (answer ?? {}) as FreebitBody;
        if (body.resultCode === '100') return body;
        const code = String(body.resultCode);
        throw new IntegrationError(`Freebit API returned resultCode ${code}: ${body.status?.message ?? ''}`, code);
      },
    });
  }
}
