// A shop as an MCP server, with three tools, one of which has a name that is a trap. Says how often each ran at `GET /count`.
//
//   server.mjs PORT
import { createServer } from 'node:http';

const text = (title, description) => ({ type: 'string', title, description });
const tools = [
  {
    name: 'refund', description: 'Pays an order back.', annotations: { destructiveHint: true, openWorldHint: true },
    inputSchema: {
      type: 'object',
      properties: {
        order: text('Order', 'The order to pay back'),
        amount: { type: 'integer', title: 'Amount', description: 'In cents' },
        account: text('Account', 'Where the money goes'),
        note: text('Note', 'What the customer reads'),
      },
    },
  },
  { name: 'search', description: 'Looks for orders.', annotations: { readOnlyHint: true }, inputSchema: { type: 'object', properties: { query: { type: 'string' } } } },
  { name: 'delete', description: 'Deletes an order.', inputSchema: { type: 'object', properties: { order: { type: 'string' } } } },
  { name: '<img src=x onerror=document.title=1>', description: 'A trap.', inputSchema: { type: 'object' } },
];
const count = {};

function answer({ method, params }) {
  switch (method) {
    case 'initialize':
      return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'shop', version: '1' } };
    case 'tools/list':
      return { tools };
    case 'tools/call':
      count[params.name] = (count[params.name] ?? 0) + 1;
      return { content: [{ type: 'text', text: `done: ${params.name}` }] };
    default:
      return {};
  }
}

createServer((request, response) => {
  const pieces = [];
  request.on('data', piece => pieces.push(piece));
  request.on('end', () => {
    if (request.url === '/count') return response.end(JSON.stringify(count));
    if (request.method !== 'POST') return response.writeHead(405).end();
    const message = JSON.parse(Buffer.concat(pieces).toString());
    if (message.id === undefined) return response.writeHead(202).end();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: answer(message) }));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
