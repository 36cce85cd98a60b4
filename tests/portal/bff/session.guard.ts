import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { ServiceUnavailableException, UnauthorizedException } from '@nestjs/common';
import type { Request } from 'express';
import { sign, verify } from 'jsonwebtoken';
import { CacheService } from './cache.service';
import { DatabaseService } from './database.service';
import { Log, Logs } from './logging/logs';
import { settings } from './settings';

/** The signed-in customer, as kept in Redis. */
export interface Session {
  userId: number;
  whmcsId: number;
  salesforceId: string;
  simId: number;
}

export interface SignedIn extends Request {
  session: Session;
}

interface Claims {
  sub: string;
  sid: string;
}

export function issueToken(userId: number, sessionId: string): string {
  return sign({ sub: String(userId), sid: sessionId }, settings.jwtSecret, { expiresIn: settings.tokenLifetimeS });
}

/** A valid token, not on the blacklist, with a session behind it. */
@Injectable()
export class SessionGuard implements CanActivate {
  private readonly logger: Log;

  constructor(
    logs: Logs,
    private readonly cache: CacheService,
    private readonly database: DatabaseService,
  ) {
    this.logger = logs.of(SessionGuard.name);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<SignedIn>();
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (!token) throw new UnauthorizedException('Missing token');
    const claims = claimsOf(token);
    request.session = await this.sessionOf(claims);
    return true;
  }

  private async sessionOf({ sub, sid }: Claims): Promise<Session> {
    let kept: (string | null)[];
    try {
      kept = await this.cache.redis.mget(`blacklist:${sid}`, `session:${sid}`);
    } catch (err) {
      this.logger.error({ err, failClosed: settings.blacklistFailClosed }, 'Token blacklist check failed');
      if (settings.blacklistFailClosed) throw new ServiceUnavailableException('Authentication is unavailable');
      return this.database.user.findUniqueOrThrow({
        where: { id: Number(sub) },
        select: { id: true, whmcsId: true, salesforceId: true, simId: true },
      }).then(({ id, ...ids }) => ({ userId: id, ...ids }));
    }
    const [blacklisted, session] = kept;
    if (blacklisted || !session) throw new UnauthorizedException('Session ended');
    return JSON.parse(session) as Session;
  }
}

function claimsOf(token: string): Claims {
  try {
    return verify(token, settings.jwtSecret) as unknown as Claims;
  } catch (error) {
    throw new UnauthorizedException((error as Error).message);
  }
}
