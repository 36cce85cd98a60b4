import { CanActivate, ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';
import type { Request } from 'express';
import { sign, verify } from 'jsonwebtoken';
import { CacheService } from './cache.service';
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

export function issueToken(userId: number, sessionId: string): string {
  return sign({ sub: String(userId), sid: sessionId }, settings.jwtSecret, { expiresIn: settings.tokenLifetimeS });
}

/** A valid token, not on the blacklist, with a session behind it. */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(private readonly cache: CacheService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<SignedIn>();
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (!token) throw new UnauthorizedException('Missing token');
    const sessionId = sessionIdOf(token);
    const [blacklisted, session] = await this.cache.redis.mget(`blacklist:${sessionId}`, `session:${sessionId}`);
    if (blacklisted || !session) throw new UnauthorizedException('Session ended');
    request.session = JSON.parse(session) as Session;
    return true;
  }
}

function sessionIdOf(token: string): string {
  try {
    return (verify(token, settings.jwtSecret) as { sid: string }).sid;
  } catch (error) {
    throw new UnauthorizedException((error as Error).message);
  }
}
