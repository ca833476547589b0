// An MCP server of both eras, over HTTP or standard input and output, that writes down every call that it carries out: one line each.
//
//   server.mjs RECORD PORT      server.mjs RECORD stdio
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [record, where] = process.argv.slice(2);
const VERSION = 'io.modelcontextprotocol/protocolVersion';
const serverInfo = { name: 'shop', version: '1' };
const capabilities = { tools: {} };
const inputSchema = { type: 'object', properties: { order: { type: 'string' }, amount: { type: 'integer' } } };
const tools = ['refund', 'confirm'].map(name => ({ name, description: `Does a ${name}.`, inputSchema }));

function result({ method, params }) {
  const known = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];
  switch (method) {
    case 'initialize': {
      const protocolVersion = known.includes(params.protocolVersion) ? params.protocolVersion : known.at(-1);
      return { protocolVersion, capabilities, serverInfo };
    }
    case 'server/discover':
      return { supportedVersions: ['2026-07-28'], capabilities, serverInfo, ttlMs: 0, cacheScope: 'private' };
    case 'tools/list':
      return { tools, ttlMs: 0, cacheScope: 'private' };
    case 'tools/call':
      appendFileSync(record, `${params.name} ${params.arguments.order}\n`);
      return { content: [{ type: 'text', text: `${params.name} of ${params.arguments.order} is done` }] };
    default:
      return {};
  }
}

function answer(message) {
  const modern = message.params?._meta?.[VERSION] !== undefined;
  const { ttlMs, cacheScope, ...plain } = result(message);
  const extra = modern ? { resultType: 'complete', ...(ttlMs === undefined ? {} : { ttlMs, cacheScope }) } : {};
  return JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { ...plain, ...extra } });
}

if (where === 'stdio') {
  createInterface({ input: process.stdin }).on('line', line => {
    const message = JSON.parse(line);
    if (message.id !== undefined && message.method) process.stdout.write(`${answer(message)}\n`);
  });
} else {
  let sessions = 0;
  createServer((request, response) => {
    const pieces = [];
    request.on('data', piece => pieces.push(piece));
    request.on('end', () => {
      if (request.method === 'DELETE') return response.writeHead(200).end();
      if (request.method !== 'POST') return response.writeHead(405).end();
      const message = JSON.parse(Buffer.concat(pieces).toString());
      if (message.id === undefined || !message.method) return response.writeHead(202).end();
      const session = message.method === 'initialize' ? { 'mcp-session-id': `shop-${(sessions += 1)}` } : {};
      response.writeHead(200, { 'content-type': 'application/json', ...session });
      response.end(answer(message));
    });
  }).listen(Number(where), '127.0.0.1');
}
