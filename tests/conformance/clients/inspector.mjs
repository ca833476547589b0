// The Inspector's command line: one process a request, so its sessions are as long as its steps.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const plan = JSON.parse(process.argv[2]);
const home = dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/inspector/package.json'));
const launcher = join(home, 'clients/launcher/build/index.js');
// Its own command line would take the sidecar's flags for itself, so over stdio it gets a script that holds the command.
const target = plan.url ? [plan.url, '--transport', 'http'] : [plan.script];

const listed = JSON.parse(inspect('--method', 'tools/list').out);
const seen = { protocol: plan.mode, tools: (listed.result ?? listed).tools.map(tool => tool.name) };
for (const step of ['denied', 'allowed']) {
  const { name, arguments: input } = plan[step];
  const { code, out } = inspect('--method', 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(input));
  // It looks a tool up before it calls it, so a tool that is not listed cannot even be asked for.
  if (out.includes('"tool_not_found"')) seen[step] = { unknown: true };
  // 0 is a result and 5 a result that says it is an error; anything else is no result at all.
  else seen[step] = code === 0 || code === 5 ? { isError: code === 5, text: out } : { threw: `exit code ${code}: ${out}` };
}
console.log(JSON.stringify(seen));

function inspect(...request) {
  const words = ['--cli', ...target, '--protocol-era', plan.mode, '--stored-auth-only', '--format', 'json', ...request];
  const run = spawnSync(process.execPath, [launcher, ...words], { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
  return { code: run.status, out: run.stdout || run.stderr };
}
