import { BadGatewayException, GatewayTimeoutException, ServiceUnavailableException } from '@nestjs/common';
import { isAxiosError } from 'axios';

/** What the customer is told when an outside system fails us. */
export function asHttpFailure(system: string, error: unknown): Error {
  if (isAxiosError(error)) {
    if (error.code === 'ECONNABORTED' || error.code === 'ETIMEDOUT') {
      return new GatewayTimeoutException(`${system} did not answer in time`);
    }
    return new ServiceUnavailableException(`${system} is unavailable`);
  }
  return new BadGatewayException(`${system} rejected the request`);
}
