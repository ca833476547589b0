// A person at the command line: waits for the call about this order, and rules on it.
//
//   person.mjs CEDARPOST DIRECTORY approve|deny ORDER
//
// A second process over the same log has a directory of its own beside it, so those are looked at, too.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const [cedarpost, directory, verdict, order] = process.argv.slice(2);
const late = Date.now() + 25_000;

while (Date.now() < late) {
  for (const log of [directory, `${directory}.2`, `${directory}.3`].filter(existsSync)) {
    const listed = run('list', '--json', '--audit-dir', log);
    const tickets = new Set(listed.code === 0 ? listed.out.match(/apr_[0-9A-Z]{26}/g) : []);
    const ticket = [...tickets].find(id => run('show', id, '--json', '--audit-dir', log).out.includes(order));
    if (!ticket) continue;
    // Nobody rules within a moment.
    await new Promise(resolve => setTimeout(resolve, 700));
    if (run(verdict, ticket, '--audit-dir', log).code === 0) process.exit(0);
  }
  await new Promise(resolve => setTimeout(resolve, 200));
}
process.exit(1);

function run(...words) {
  const { status, stdout } = spawnSync(cedarpost, ['approvals', ...words], { encoding: 'utf8', timeout: 10_000 });
  return { code: status, out: stdout ?? '' };
}
