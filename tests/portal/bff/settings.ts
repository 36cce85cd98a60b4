/** The BFF's environment. Read once at start, so that a missing name stops it there and not in a customer's request. */
function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`environment variable ${name} is not set`);
  return value;
}

export const settings = {
  version: process.env.PORTAL_VERSION ?? '1.0.0',
  port: Number(required('PORT')),
  logger: process.env.LOGGER ?? 'pino',
  logFolder: process.env.LOG_FOLDER ?? '.',
  databaseUrl: required('DATABASE_URL'),
  databaseConnectionLimit: Number(process.env.DATABASE_CONNECTION_LIMIT ?? 10),
  redisUrl: required('REDIS_URL'),
  jwtSecret: required('JWT_SECRET'),
  /** What becomes of a token when nobody can say whether it was revoked. */
  blacklistFailClosed: process.env.AUTH_BLACKLIST_FAIL_CLOSED !== 'false',
  loginsPerMinute: Number(process.env.LOGIN_LIMIT_PER_MINUTE ?? 20),
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

const DEPRECATED = ['JWT_LIFETIME_S', 'FREEBIT_OEM_KEY'];

/** Version 1.1 tells of settings that it would rather be given under other names. */
export function deprecatedSettings(): string[] {
  return settings.version < '1.1' ? [] : DEPRECATED.filter((name) => name in process.env);
}
