import { Call, Incoming } from './standin';

const OPERATIONS: Record<string, { operation: string; median_ms: number; fields: Record<string, unknown> }> = {
  '/authOem/': { operation: 'authOem', median_ms: 210, fields: { authKey: 'fbk-invented-7Qm2xV9cT4' } },
  '/master/addSpec/': { operation: 'addSpec', median_ms: 1050, fields: {} },
  '/mvno/getTrafficInfo/': { operation: 'getTrafficInfo', median_ms: 420, fields: { today: '812', quota: '20480' } },
  '/mvno/esim/addAcnt/': { operation: 'activateSim', median_ms: 1300, fields: {} },
};

/** The carrier's API as public clients use it: a form field `json`, and resultCode "100" for success. */
export function freebit({ url }: Incoming): Call {
  const known = OPERATIONS[url.pathname];
  const fields = known ? { resultCode: '100', status: { message: 'OK', statusCode: '200' }, ...known.fields } : {};
  return {
    operation: known?.operation ?? 'unknown',
    latency: { median_ms: known?.median_ms ?? 50, spread: 0.3 },
    status: known ? 200 : 404,
    answer: () => fields,
  };
}
