// A policy that reads an argument, against a real file server: reading below one directory is permitted, and every detour that is tried
// is refused or decided right. One argument, as JSON: { url, shelf }. Prints a line for each attempt; exits 1 when one went wrong.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const { url, shelf } = JSON.parse(process.argv[2]);
const open = `${shelf}/open`;
const closed = `${shelf}/closed/secret.txt`;

// allowed: the server's answer comes through, whatever it is. denied: the policy's. refused: the arguments cannot be judged.
const attempts = [
  ['a file that may be read', { path: `${open}/note.txt` }, 'allowed', 'on the shelf'],
  ['a file elsewhere', { path: closed }, 'denied'],
  ['up and over', { path: `${open}/../closed/secret.txt` }, 'denied'],
  ['up and over, twice', { path: `${open}/./sub/../../closed/secret.txt` }, 'denied'],
  ['the directory above', { path: `${open}/..` }, 'denied'],
  ['an empty step', { path: `${open}//../closed/secret.txt` }, 'denied'],
  ['other letters', { path: `${shelf}/OPEN/note.txt` }, 'denied'],
  ['a relative path', { path: 'open/note.txt' }, 'denied'],
  ['percent signs', { path: `${shelf}/open%2f..%2fclosed/secret.txt` }, 'denied'],
  ['backslashes', { path: `${shelf}/open\\..\\closed\\secret.txt` }, 'denied'],
  ['dots that only look like dots', { path: `${open}/\uFF0E\uFF0E/closed/secret.txt` }, 'allowed', 'ENOENT'],
  ['a letter made of two', { path: `${open}/no\u0301te.txt` }, 'allowed', 'ENOENT'],
  ['a zero byte', { path: `${open}/note.txt\u0000/../../closed/secret.txt` }, 'denied'],
  ['a list instead of text', { path: [`${open}/note.txt`] }, 'refused'],
  ['an object with a meaning to policies', { path: { __entity: { type: 'Mcp::User', id: 'tester' } } }, 'refused'],
  ['no path', {}, 'refused'],
  ['a second path of another spelling', { path: `${open}/note.txt`, Path: closed }, 'refused'],
  ['what no policy reads', { path: `${open}/note.txt`, head: 1 }, 'allowed', 'on the shelf'],
  ['a link that leads out, which no pattern can see', { path: `${open}/link.txt` }, 'allowed', 'a secret'],
];
const words = { denied: 'Denied by policy', refused: 'do not have the form that policy can judge' };

let wrong = 0;
function judge(name, right, seen) {
  wrong += right ? 0 : 1;
  console.log(`${right ? 'ok   ' : 'FAIL '} ${name}${right ? '' : `: ${seen}`}`);
}

const client = new Client({ name: 'paths', version: '1.0.0' });
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
for (const [name, input, expected, text] of attempts) {
  const result = await client.callTool({ name: 'read_text_file', arguments: input });
  const seen = (result.content ?? []).map(part => part.text ?? part.type).join('\n');
  const refusal = Object.values(words).some(word => seen.includes(word));
  judge(`${expected}: ${name}`, expected === 'allowed' ? !refusal && seen.includes(text) : seen.includes(words[expected]), seen);
}

// No client writes a key twice, so this one is written by hand.
const twice = `{"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"${open}/note.txt","path":"${closed}"}}}`;
const response = await fetch(url, {
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-session-id': transport.sessionId ?? '',
    'mcp-protocol-version': transport.protocolVersion ?? '2025-11-25',
  },
  body: twice,
});
const answer = await response.text();
judge('refused: the same key twice', answer.includes('"error"') && !answer.includes('a secret'), answer);

await transport.terminateSession();
await client.close();
process.exit(wrong ? 1 : 0);
