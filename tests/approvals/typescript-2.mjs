// The TypeScript SDK's second line. Mode `legacy` speaks the stateful revisions; `auto` asks for the stateless one and falls back.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { capabilities, finish, follow, plan, user } from './plan.mjs';

const client = new Client({ name: 'typescript-2', version: '1.0.0' }, { capabilities, versionNegotiation: { mode: plan.mode } });
if (capabilities.elicitation) client.setRequestHandler('elicitation/create', async request => user(request));
const transport = plan.url
  ? new StreamableHTTPClientTransport(new URL(plan.url))
  : new StdioClientTransport({ command: plan.command[0], args: plan.command.slice(1), stderr: 'inherit' });
await client.connect(transport);
const seen = await follow(client);
await transport.terminateSession?.();
await finish(client, { protocol: client.getNegotiatedProtocolVersion(), ...seen });
