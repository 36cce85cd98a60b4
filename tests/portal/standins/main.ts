/**
 * The three outside systems and a control port, all on loopback: `node main.js plan.json`.
 * Prints one JSON line with the addresses. Control: POST /begin, POST /inject, POST /remove, GET /ledger.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FaultPlan, Plan } from './faults';
import { freebit } from './freebit';
import { Salesforce } from './salesforce';
import { LedgerEntry, StandIn } from './standin';
import { whmcs } from './whmcs';

const plan = new FaultPlan(JSON.parse(readFileSync(process.argv[2], 'utf8')) as Plan);
const ledger: LedgerEntry[] = [];
const salesforce = new Salesforce(plan, ledger);
const standIns: Record<string, StandIn> = {
  whmcs: new StandIn('whmcs', whmcs, plan, ledger),
  freebit: new StandIn('freebit', freebit, plan, ledger),
  salesforce: new StandIn('salesforce', salesforce.understand, plan, ledger),
};
const refusals: NodeJS.Timeout[] = [];
const refusing = new Set<StandIn>();

function inject(): void {
  plan.inject();
  for (const [name, standIn] of Object.entries(standIns)) {
    for (const phase of plan.phasesOf(name).filter(({ refuse }) => refuse)) {
      refusals.push(setTimeout(() => refuse(standIn), phase.from_s * 1000));
      if (phase.to_s) refusals.push(setTimeout(() => accept(standIn), phase.to_s * 1000));
    }
  }
}

function remove(): void {
  plan.remove();
  if (plan.phasesOf('salesforce').some(({ silent }) => silent)) salesforce.cutStreams();
  refusals.forEach(clearTimeout);
  refusing.forEach(accept);
}

function refuse(standIn: StandIn): void {
  refusing.add(standIn);
  standIn.refuse();
}

function accept(standIn: StandIn): void {
  refusing.delete(standIn);
  void standIn.listen();
}

async function main(): Promise<void> {
  const addresses: Record<string, string> = {};
  for (const [name, standIn] of Object.entries(standIns)) addresses[name] = await standIn.listen();

  const control = createServer((request, response) => {
    if (request.url === '/begin') plan.begin();
    else if (request.url === '/inject') inject();
    else if (request.url === '/remove') remove();
    response.end(JSON.stringify(request.url === '/ledger' ? ledger : {}));
  });
  await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', resolve));
  addresses.control = `http://127.0.0.1:${(control.address() as AddressInfo).port}`;
  console.log(JSON.stringify(addresses));
}

void main();
