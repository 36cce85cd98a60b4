import { Body, Controller, HttpCode, Post, Res, UnauthorizedException } from '@nestjs/common';
import type { Response } from 'express';
import { randomBytes } from 'node:crypto';
import { CacheService } from '../cache.service';
import { DatabaseService } from '../database.service';
import { matches } from '../passwords';
import { issueToken, Session } from '../session.guard';
import { settings } from '../settings';

@Controller('api/auth')
export class AuthController {
  constructor(
    private readonly database: DatabaseService,
    private readonly cache: CacheService,
  ) {}

  @Post('login')
  @HttpCode(200)
  async login(
    @Body() credentials: { email: string; password: string },
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ token: string; simId: number }> {
    const user = await this.database.user.findUnique({ where: { email: credentials.email } });
    const right = user !== null && (await matches(credentials.password, user.passwordHash));
    await this.database.record(user?.id ?? null, 'auth.login', right);
    if (!right) throw new UnauthorizedException('Wrong e-mail address or password');

    const sessionId = randomBytes(6).toString('base64url');
    const session: Session = {
      userId: user.id,
      whmcsId: user.whmcsId,
      salesforceId: user.salesforceId,
      simId: user.simId,
    };
    // The session outlives its token a little, so that an expired token is told apart from an ended session.
    await this.cache.redis.set(`session:${sessionId}`, JSON.stringify(session), 'EX', settings.tokenLifetimeS + 60);
    response.cookie('portal_session', sessionId, { httpOnly: true, sameSite: 'lax' });
    return { token: issueToken(user.id, sessionId), simId: user.simId };
  }
}
