import { Body, Controller, HttpCode, Post, Req, Res, UnauthorizedException } from '@nestjs/common';
import type { Request, Response } from 'express';
import { randomBytes } from 'node:crypto';
import { CacheService } from '../cache.service';
import { DatabaseService } from '../database.service';
import { Log, Logs } from '../logging/logs';
import { addressOf } from '../logging/requests';
import { LoginLimiter } from '../login-limiter';
import { matches } from '../passwords';
import { issueToken, Session } from '../session.guard';
import { settings } from '../settings';

@Controller('api/auth')
export class AuthController {
  private readonly logger: Log;

  constructor(
    logs: Logs,
    private readonly database: DatabaseService,
    private readonly cache: CacheService,
    private readonly limiter: LoginLimiter,
  ) {
    this.logger = logs.of(AuthController.name);
  }

  @Post('login')
  @HttpCode(200)
  async login(
    @Body() credentials: { email: string; password: string },
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ token: string; simId: number }> {
    const ip = addressOf(request);
    await this.limiter.count(ip);
    const user = await this.database.user.findUnique({ where: { email: credentials.email } });
    const right = user !== null && (await matches(credentials.password, user.passwordHash));
    await this.database.record(user?.id ?? null, 'auth.login', right);
    if (!right) {
      this.logger.warn({ email: credentials.email, ip }, 'Login failed');
      throw new UnauthorizedException('Wrong e-mail address or password');
    }

    const sessionId = randomBytes(6).toString('base64url');
    const session: Session = {
      userId: user.id,
      whmcsId: user.whmcsId,
      salesforceId: user.salesforceId,
      simId: user.simId,
    };
    // The session outlives its token a little, so that an expired token is told apart from an ended session.
    await this.cache.redis.set(`session:${sessionId}`, JSON.stringify(session), 'EX', settings.tokenLifetimeS + 60);
    this.logger.info({ userId: user.id, email: user.email, ip }, 'Login succeeded');
    response.cookie('portal_session', sessionId, { httpOnly: true, sameSite: 'lax' });
    return { token: issueToken(user.id, sessionId), simId: user.simId };
  }
}
