import { Call, Incoming } from './standin';

const MEDIAN_MS: Record<string, number> = { GetInvoices: 230, GetPayMethods: 150, GetClients: 120 };

/** WHMCS's classic API: the action in the form, `result` in the answer. */
export function whmcs({ body }: Incoming): Call {
  const form = new URLSearchParams(body);
  const action = form.get('action') ?? 'none';
  return {
    operation: action,
    latency: { median_ms: MEDIAN_MS[action] ?? 90, spread: 0.35 },
    answer: () => answers[action]?.(form) ?? { result: 'error', message: `Invalid API Action: "${action}"` },
  };
}

const answers: Record<string, (form: URLSearchParams) => unknown> = {
  GetInvoices: (form) => ({
    result: 'success',
    totalresults: 2,
    invoices: {
      invoice: ['Paid', 'Unpaid'].map((status, index) => ({
        id: Number(form.get('userid')) * 10 + index,
        status,
        total: '2980.00',
        currencycode: 'JPY',
      })),
    },
  }),
  GetClients: () => ({ result: 'success', totalresults: 40, startnumber: 0, numreturned: 1, clients: {} }),
  GetPayMethods: (form) => ({
    result: 'success',
    clientid: form.get('clientid'),
    paymethods: [{ id: 1, type: 'RemoteCreditCard', card_last_four: '4242', expiry_date: '12/29' }],
  }),
};
