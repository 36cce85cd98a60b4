import axios, { AxiosInstance, AxiosRequestConfig } from 'axios';
import { Log, Logs } from '../logging/logs';

/** The other side answered, and the answer says no: a 200 whose body holds an error. */
export class IntegrationError extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
    this.name = 'IntegrationError';
  }
}

export interface Operation<T> {
  name: string;
  request: AxiosRequestConfig;
  /** Reads the body, and throws an IntegrationError where a 200 is a failure. */
  read: (body: unknown) => T;
}

/** One outside system: every call goes through here, is timed, and leaves one line in the log. */
export class IntegrationClient {
  private readonly http: AxiosInstance;
  private readonly logger: Log;

  constructor(
    private readonly label: string,
    private readonly logs: Logs,
    context: string,
    defaults: AxiosRequestConfig,
  ) {
    this.logger = logs.of(context);
    this.http = axios.create({ ...defaults, proxy: false });
  }

  async call<T>(operation: Operation<T>): Promise<T> {
    const startedAt = performance.now();
    const elapsedMs = () => Math.round(performance.now() - startedAt);
    try {
      const response = await this.http.request({
        ...operation.request,
        headers: { ...operation.request.headers, 'x-request-id': this.logs.requestId() },
      });
      const result = operation.read(response.data);
      this.logger.info(
        { durationMs: elapsedMs(), operation: operation.name, statusCode: response.status },
        `${this.label} API call completed`,
      );
      return result;
    } catch (err) {
      this.logger.error({ err, durationMs: elapsedMs(), operation: operation.name }, `${this.label} API call failed`);
      throw err;
    }
  }
}
