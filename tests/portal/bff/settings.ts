/** The BFF's environment. Read once at start, so that a missing name stops it there and not in a customer's request. */
function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`environment variable ${name} is not set`);
  return value;
}

export const settings = {
  port: Number(required('PORT')),
  databaseUrl: required('DATABASE_URL'),
  databaseConnectionLimit: Number(process.env.DATABASE_CONNECTION_LIMIT ?? 10),
  redisUrl: required('REDIS_URL'),
  jwtSecret: required('JWT_SECRET'),
  tokenLifetimeS: Number(process.env.JWT_LIFETIME_S ?? 300),
  whmcs: {
    url: required('WHMCS_API_URL'),
    identifier: required('WHMCS_API_IDENTIFIER'),
    secret: required('WHMCS_API_SECRET'),
  },
  freebit: {
    url: required('FREEBIT_API_URL'),
    oemId: required('FREEBIT_OEM_ID'),
    oemKey: required('FREEBIT_OEM_KEY'),
  },
  salesforce: {
    url: required('SF_INSTANCE_URL'),
    accessToken: required('SF_ACCESS_TOKEN'),
    eventsEnabled: process.env.SF_EVENTS_ENABLED === 'true',
  },
};
