// The smallest MCP server that remembers what reached it: one tool, `whoami`, which says the headers that came with the call.
//
//   server.mjs PORT
import { createServer } from 'node:http';

const tool = { name: 'whoami', description: 'Says what came with the call.', inputSchema: { type: 'object', properties: {} } };

function answer({ method, params }, headers) {
  switch (method) {
    case 'initialize':
      return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'mirror', version: '1' } };
    case 'tools/list':
      return { tools: [tool] };
    case 'tools/call':
      return { content: [{ type: 'text', text: JSON.stringify(headers) }] };
    default:
      return {};
  }
}

createServer((request, response) => {
  const pieces = [];
  request.on('data', piece => pieces.push(piece));
  request.on('end', () => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    const message = JSON.parse(Buffer.concat(pieces).toString());
    if (message.id === undefined) return response.writeHead(202).end();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: answer(message, request.headers) }));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
