// The console in a real browser: log in by link, see what waits, approve it, see it run; deny; the sandbox; search and verification; light
// and dark; a phone. Every page is looked over by axe, and none may write to the browser's console.
//
//   browser.mjs CHROMIUM CONSOLE MCP SERVER CEDARPOST CONFIG [IMAGES]
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [program, base, mcp, server, binary, config, images] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const problems = [];
const check = (what, holds, detail = '') => {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${holds ? '' : ` ${detail}`}`);
  if (!holds) problems.push(what);
};

// An MCP client of the era before sessions were optional.
let session;
async function rpc(method, params, id = 1) {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' };
  if (session) headers['mcp-session-id'] = session;
  const answer = await fetch(mcp, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id, method, params }) });
  session ??= answer.headers.get('mcp-session-id') ?? undefined;
  const text = await answer.text();
  const data = text.startsWith('{') ? text : (text.split('\n').findLast(line => line.startsWith('data: {')) ?? 'data: {}').slice(6);
  return JSON.parse(data || '{}');
}
const call = (name, args) => rpc('tools/call', { name, arguments: args });
const counted = async () => (await fetch(`${server}/count`)).json();
const ran = answer => answer.result?.content?.[0]?.text?.startsWith('done') ?? false;

const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
const context = await browser.newContext({ viewport: { width: 1180, height: 860 }, colorScheme: 'light' });
const page = await context.newPage();
const said = [];
page.on('console', message => said.push(`${page.url()} ${message.text()}`));
page.on('pageerror', error => said.push(`${page.url()} ${error}`));

const shot = async (name, options = {}) => {
  if (images) await page.screenshot({ path: join(images, `console-${name}.png`), ...options });
};
// axe is put in by the tool, past the page's own rules, which stay as they are.
const accessible = async what => {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  const told = found.violations.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', ')}`);
  check(`${what}: axe finds nothing`, told.length === 0, told.join('; '));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(`${what}: nothing sticks out sideways`, wide <= 0, `${wide} px`);
};
const go = async path => { await page.goto(base + path); };

await rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } });
await rpc('notifications/initialized', {}, undefined).catch(() => {});
await rpc('tools/list', {});
for (const query of ['o-1', 'o-2', 'late orders']) await call('search', { query });
await call('delete', { order: 'o-9' });

// Nobody is let in without a link.
await go('/approvals');
check('a page of the inside leads to the login', page.url().includes('/login?next='), page.url());
await accessible('login');
await shot('login');
const link = execFileSync(binary, ['console', 'open', '--config', config]).toString().trim();
await page.goto(link);
await accessible('link');
await page.getByRole('button', { name: 'Log in' }).click();
await page.waitForURL('**/approvals');
check('the link logs the operator in', await page.getByText('operator', { exact: true }).first().isVisible());
await page.goto(link);
await page.getByRole('button', { name: 'Log in' }).click();
check('the link is good once', await page.getByText('not good any more').isVisible());
await go('/approvals');

// A call waits, and the open page shows it by itself.
const first = { order: 'o-1042', amount: 4200, account: 'DE02 1203 0000 0000 2020 51', note: 'Sorry for the delay' };
const waits = call('refund', first);
await page.getByRole('link', { name: /shop\/refund/ }).first().waitFor({ timeout: 8000 });
check('a call that waits appears in the open page', true);
await accessible('approvals');
await page.getByRole('link', { name: /^Look at/ }).first().click();
await page.getByRole('heading', { name: 'Exactly what runs' }).waitFor();
await page.getByLabel('Comment').fill('Checked with the customer');
await page.getByRole('button', { name: 'Approve' }).click();
await page.getByText('granted', { exact: true }).or(page.getByText('spent', { exact: true })).first().waitFor();
let answer = await waits;
if (!ran(answer)) answer = await call('refund', first);
check('what was approved runs', ran(answer), JSON.stringify(answer));
check('and once', (await counted()).refund === 1);

// The next one differs, and tries to deceive.
const second = { order: 'o-1043', amount: 420000, account: 'DE02 1203 0000 0000 2020 5l\u202e15', note: '<script>document.title="owned"</script> from \u0440\u0430y\u0440al' };
const waiting = call('refund', second);
await go('/approvals');
await page.getByRole('link', { name: /^Look at/ }).first().waitFor({ timeout: 8000 });
await shot('approvals');
await page.getByRole('link', { name: /^Look at/ }).first().click();
await page.getByRole('heading', { name: 'Compared with the last approved call' }).waitFor();
check('letters that deceive are marked', await page.locator('.hid').count() > 0 && await page.locator('.alike').count() > 0);
check('the difference is told', await page.getByText('/amount').first().isVisible());
check('script in arguments is inert', !(await page.title()).includes('owned'));
await accessible('ticket');
await shot('ticket');
await page.setViewportSize({ width: 390, height: 844 });
await accessible('ticket on a phone');
await shot('ticket-phone');
await page.setViewportSize({ width: 1180, height: 860 });
await page.getByRole('button', { name: 'Dark' }).click();
await page.getByRole('heading', { name: 'Exactly what runs' }).waitFor();
check('the dark theme is dark', await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme) === 'dark');
await accessible('ticket in the dark');
await shot('ticket-dark');
await page.getByLabel('Comment').fill('That is not our account');
await page.getByRole('button', { name: 'Deny' }).click();
await page.getByText('rejected', { exact: true }).first().waitFor();
answer = await waiting;
check('what was denied does not run', !ran(answer) && (await counted()).refund === 1, JSON.stringify(answer));
await call('<img src=x onerror=document.title=1>', {});

for (const [name, path] of [['decisions', '/decisions'], ['matrix', '/matrix'], ['policies', '/policies'], ['log', '/log'], ['health', '/health'], ['approvals', '/approvals']]) {
  await go(path);
  await accessible(`${name} in the dark`);
}
await page.getByRole('button', { name: 'As the system' }).click();
for (const [name, path] of [['decisions', '/decisions'], ['matrix', '/matrix'], ['policies', '/policies'], ['health', '/health']]) {
  await go(path);
  await accessible(name);
  await shot(name);
}
await go('/decisions?verdict=require_approval');
check('decisions can be narrowed', await page.locator('tbody tr').count() >= 2);
await go('/matrix');
check('a tool with a trap for a name is inert', (await page.title()).startsWith('Who may what') && await page.getByText('<img').first().isVisible());
await page.locator('.cell').first().click();
await page.getByRole('heading', { name: 'Why' }).waitFor();
await accessible('why');

await go('/log?target=refund');
check('records are found', await page.locator('tbody tr').count() >= 2);
await page.getByRole('button', { name: 'Check all of it now' }).click();
await page.getByText('verified').first().waitFor();
check('the log verifies', true);
await accessible('log');
await shot('log');
await page.locator('tbody a').first().click();
await page.getByRole('heading', { name: /^Record/ }).waitFor();
await accessible('record');

await go('/sandbox');
await page.getByRole('textbox', { name: 'Agent', exact: true }).fill('assistant');
await page.getByRole('textbox', { name: 'For', exact: true }).fill('alice');
await page.getByRole('textbox', { name: 'Tool', exact: true }).fill('shop/delete');
await page.getByRole('textbox', { name: 'Arguments (JSON)', exact: true }).fill('{"order":"o-9"}');
await page.getByRole('button', { name: 'Try' }).click();
await page.locator('.answer').getByText('deny').waitFor();
await page.locator('textarea.policy').first().fill('@id("all")\npermit (principal, action, resource);\n');
await page.getByRole('button', { name: 'Try' }).click();
await page.locator('.answer').getByText('allow').waitFor();
check('the sandbox tries other policies', true);
await accessible('sandbox');
await shot('sandbox');
await page.locator('textarea.policy').first().fill('permit (principal, action, resource) when { context.nothing };');
await page.getByRole('button', { name: 'Try' }).click();
await page.getByRole('alert').waitFor();
check('a policy that does not fit is said to', await page.getByRole('alert').isVisible());
check('and nothing of it was kept', !ran(await call('delete', { order: 'o-9' })));

await page.setViewportSize({ width: 390, height: 844 });
for (const path of ['/approvals', '/decisions', '/matrix', '/policies', '/sandbox', '/log', '/health']) {
  await go(path);
  await accessible(`${path} on a phone`);
}
await go('/approvals');
await shot('phone');

// With the keyboard alone: the first stop leads past the menu.
await page.setViewportSize({ width: 1180, height: 860 });
await go('/approvals');
await page.keyboard.press('Tab');
check('the first stop is the way to the content', await page.evaluate(() => document.activeElement?.textContent) === 'To the content');

// Without scripts everything can be read and ruled on.
const third = call('refund', { order: 'o-7', amount: 1 });
const plain = await browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState() });
const still = await plain.newPage();
for (let turn = 0; turn < 40; turn += 1) {
  await still.goto(`${base}/approvals`);
  if (await still.getByRole('link', { name: /^Look at/ }).count() > 0) break;
  await new Promise(done => setTimeout(done, 100));
}
await still.getByRole('link', { name: /^Look at/ }).first().click();
await still.getByLabel('Comment').fill('Fine');
await still.getByRole('button', { name: 'Approve' }).click();
await still.getByText(/granted|spent/).first().waitFor();
answer = await third;
if (!ran(answer)) answer = await call('refund', { order: 'o-7', amount: 1 });
check('without scripts a call is approved and runs', ran(answer) && (await counted()).refund === 2, JSON.stringify(answer));

await page.getByRole('button', { name: 'Log out' }).click();
await page.waitForURL('**/login');
await go('/approvals');
check('whoever logs out is out', page.url().includes('/login'));
// A browser says itself when an answer is a refusal, which some of these are meant to be.
const unexpected = said.filter(line => !line.includes('status of 403') && !line.includes('status of 401'));
check('the pages write nothing to the console of the browser', unexpected.length === 0, unexpected.join('\n'));
await browser.close();
console.log(problems.length === 0 ? 'all is as it should be' : `${problems.length} things are not`);
process.exit(problems.length === 0 ? 0 : 1);
