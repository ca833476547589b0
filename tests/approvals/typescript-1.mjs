// The TypeScript SDK's first line: the stateful revisions only.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { capabilities, finish, follow, plan, user } from './plan.mjs';

const client = new Client({ name: 'typescript-1', version: '1.0.0' }, { capabilities });
if (capabilities.elicitation) client.setRequestHandler(ElicitRequestSchema, async request => user(request));
const transport = plan.url
  ? new StreamableHTTPClientTransport(new URL(plan.url))
  : new StdioClientTransport({ command: plan.command[0], args: plan.command.slice(1), stderr: 'inherit' });
await client.connect(transport);
const seen = await follow(client);
if (plan.url) await transport.terminateSession();
await finish(client, { protocol: transport.protocolVersion ?? 'not told', ...seen });
