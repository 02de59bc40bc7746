/** An address of the API as data: what is registered with the server is what the OpenAPI document says. */

/** JSON Schema, as far as it is used here. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean' | readonly ('string' | 'integer' | 'null')[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly enum?: readonly (string | null)[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly default?: string | number;
}

export interface ApiRequest {
  /** Checked by the route's schemas. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | number | undefined>>;
  readonly body: Readonly<Record<string, string | undefined>>;
  readonly address: string;
  readonly scheme: string | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below /api/v1, such as `/pairs/{pair}/tree`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, Schema>>;
  readonly body?: Schema;
  readonly status?: number;
  /** null: server-sent events, handled elsewhere. */
  readonly answer: Schema | null;
  readonly handle: ((request: ApiRequest) => Promise<ApiAnswer> | ApiAnswer) | null;
}

export const ok = (body: unknown, status = 200): ApiAnswer => ({ status, body });
export const refusedWith = (status: number, error: string): ApiAnswer => ({ status, body: { error } });

export const text = (description = '', more: Schema = {}): Schema => ({
  type: 'string',
  ...(description === '' ? {} : { description }),
  ...more,
});
export const integer = (description = ''): Schema => ({
  type: 'integer',
  ...(description === '' ? {} : { description }),
});
export const yesNo: Schema = { type: 'boolean' };
export const maybeText = (description = ''): Schema => ({
  type: ['string', 'null'],
  ...(description === '' ? {} : { description }),
});
export const maybeInteger = (description = ''): Schema => ({
  type: ['integer', 'null'],
  ...(description === '' ? {} : { description }),
});
export const listOf = (items: Schema): Schema => ({ type: 'array', items });
/** All fields are there; more may come with a later version. */
export const object = (properties: Readonly<Record<string, Schema>>, description = ''): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  ...(description === '' ? {} : { description }),
});
/** What is asked for: nothing but this. */
export const closed = (properties: Readonly<Record<string, Schema>>, required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
