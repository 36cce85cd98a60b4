import { Body, Controller, ForbiddenException, Get, HttpCode, Param, ParseIntPipe, Post, Req, UseGuards } from '@nestjs/common';
import { DatabaseService } from '../database.service';
import { asHttpFailure } from '../integrations/failure';
import { FreebitService, Traffic } from '../integrations/freebit.service';
import { Session, SessionGuard, SignedIn } from '../session.guard';

/** The invented telephone number of a SIM. */
export function accountOf(simId: number): string {
  return `0700000${String(simId).padStart(4, '0')}`;
}

@Controller('api/sim/:id')
@UseGuards(SessionGuard)
export class SimController {
  constructor(
    private readonly database: DatabaseService,
    private readonly freebit: FreebitService,
  ) {}

  @Get('usage')
  async usage(@Req() request: SignedIn, @Param('id', ParseIntPipe) id: number): Promise<Traffic> {
    mustOwn(request.session, id);
    try {
      return await this.freebit.usage(accountOf(id));
    } catch (error) {
      throw asHttpFailure('Mobile network', error);
    }
  }

  @Post('top-up')
  @HttpCode(200)
  async topUp(
    @Req() request: SignedIn,
    @Param('id', ParseIntPipe) id: number,
    @Body() body: { quotaMb: number },
  ): Promise<{ addedMb: number }> {
    mustOwn(request.session, id);
    try {
      await this.freebit.topUp(accountOf(id), body.quotaMb);
    } catch (error) {
      await this.database.record(request.session.userId, 'sim.top-up', false, (error as Error).message);
      throw asHttpFailure('Mobile network', error);
    }
    await this.database.record(request.session.userId, 'sim.top-up', true);
    return { addedMb: body.quotaMb };
  }
}

function mustOwn(session: Session, simId: number): void {
  if (session.simId !== simId) throw new ForbiddenException('This SIM belongs to another customer');
}
