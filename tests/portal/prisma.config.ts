import { defineConfig } from 'prisma/config';

// `prisma generate` needs only the schema; the address of the database is given to the running BFF, not to this file.
export default defineConfig({ schema: 'prisma/schema.prisma' });
