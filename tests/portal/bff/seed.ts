import { PrismaPg } from '@prisma/adapter-pg';
import { readFileSync } from 'node:fs';
import { PrismaClient } from './generated/client';
import { hashPassword } from './passwords';

/** Makes the tables and fills them with invented customers: `node seed.js tables.sql customers.json`. */
interface Customer {
  email: string;
  password: string;
  simId: number;
  orders: { id: string; type: string }[];
}

async function seed(tablesFile: string, customersFile: string): Promise<void> {
  const database = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) });
  for (const statement of readFileSync(tablesFile, 'utf8').split(/;\s*\n/)) {
    if (statement.trim()) await database.$executeRawUnsafe(statement);
  }
  const customers = JSON.parse(readFileSync(customersFile, 'utf8')) as Customer[];
  for (const [index, { email, password, simId, orders }] of customers.entries()) {
    await database.user.create({
      data: {
        email,
        passwordHash: await hashPassword(password),
        whmcsId: 500 + index,
        salesforceId: `001AA${String(index).padStart(10, '0')}QAC`,
        simId,
        orders: { create: orders.map(({ id, type }) => ({ id, type, status: 'Provisioned' })) },
      },
    });
  }
  await database.$disconnect();
}

void seed(process.argv[2], process.argv[3]);
