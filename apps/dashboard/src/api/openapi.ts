/** The OpenAPI document, made from the same routes that are served. */
import type { ApiRoute, Schema } from './route.ts';
import { object, text } from './route.ts';

const error = object({ error: text('One sentence') });

const json = (schema: Schema): object => ({ 'application/json': { schema } });

export function openApiOf(routes: readonly ApiRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const found = paths[route.path] ?? {};
    paths[route.path] = found;
    found[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'LazySync',
      version: '1',
      description:
        'What the dashboard shows and does. A request that changes something carries the header `x-lazysync: 1`, and `Content-Type: application/json` where it has a body. Where a token is set, it goes into `Authorization: Bearer …`.',
    },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }, {}],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } }, schemas: { Error: error } },
    paths,
  };
}

function operationOf({ method, path, summary, query = {}, body, status = 200, answer }: ApiRoute): object {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: text() })),
    ...(method === 'GET'
      ? []
      : [{ name: 'x-lazysync', in: 'header', required: true, schema: { type: 'string', enum: ['1'] } }]),
    ...Object.entries(query).map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
  ];
  const good =
    answer === null
      ? { description: 'Server-sent events', content: { 'text/event-stream': { schema: text() } } }
      : { description: 'Good', content: json(answer) };
  return {
    summary,
    operationId: operationId(method, path),
    parameters,
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: {
      [status]: good,
      default: {
        description: 'Refused, or not possible now',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function operationId(method: string, path: string): string {
  const words = path.split(/[/{}.]+/).filter((word) => word !== '');
  return [method.toLowerCase(), ...words].join('_');
}
