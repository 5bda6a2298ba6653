// What a sender sends never runs as a script where it is looked at: media types that a browser may run, in letter cases and
// with parameters, each opened in Chromium as the operator. The control is a server that gives the same bytes back with the
// media type that they were sent with: there scripts do run.
import { chromium } from "playwright-core";
import { createServer } from "node:http";

const [base] = process.argv.slice(2);
const script = (n) => `fetch("/ran-${n}").catch(() => {})`;
const xhtml = (n) => `<x:html xmlns:x="http://www.w3.org/1999/xhtml"><x:body><x:script>${script(n)}</x:script></x:body></x:html>`;
const html = (n) => `<!doctype html><body><script>${script(n)}</script><img src="x" onerror='${script(n)}'>`;
const svg = (n) => `<svg xmlns="http://www.w3.org/2000/svg"><script>${script(n)}</script></svg>`;
const TYPES = [
  ["text/html", html], ["application/xhtml+xml", xhtml], ["image/svg+xml", svg], ["text/xml", xhtml], ["application/xml", xhtml],
  ["application/rss+xml", xhtml], ["application/atom+xml", svg], ["application/fhir+xml", xhtml], ["text/plain", html],
  ["application/octet-stream", html], ["application/json", html], ["message/rfc822", html],
];
const CASES = [(t) => t, (t) => t.toUpperCase(), (t) => t.replace(/(^|\/)\w/g, (c) => c.toUpperCase())];
const PARAMETERS = ["", "; charset=utf-8", ";a=b", '; charset="UTF-8"; version=1'];

const cases = TYPES.flatMap(([type, body]) => CASES.flatMap((of) => PARAMETERS.map((more) => [of(type) + more, body])));
const kept = new Map();
const control = createServer((request, answer) => {
  const [kind, bytes] = kept.get(request.url) ?? ["text/plain", ""];
  answer.writeHead(200, kind ? { "content-type": kind } : {}).end(bytes);
});
await new Promise((done) => control.listen(0, "127.0.0.1", done));
const other = `http://127.0.0.1:${control.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ acceptDownloads: false });
const ran = { here: new Set(), control: new Set() };
context.on("request", (request) => {
  const found = /\/ran-(\d+)$/.exec(request.url());
  if (found) ran[request.url().startsWith(base) ? "here" : "control"].add(Number(found[1]));
});
const page = await context.newPage();
// What is a download ends the navigation: nothing was shown.
const open = async (url) => { try { await page.goto(url, { waitUntil: "load", timeout: 60_000 }); } catch (error) { if (!/download|ERR_ABORTED/i.test(String(error))) throw error; } };

const faults = [];
for (const [number, [kind, body]] of cases.entries()) {
  const bytes = body(number);
  kept.set(`/kept-${number}`, [kind, bytes]);
  const sent = await fetch(`${base}/messages`, { method: "POST", body: bytes, headers: { "content-type": kind, "causeway-sender": "ZV801" } });
  if (sent.status !== 202) { faults.push(`${kind}: ${sent.status}`); continue; }
  const { id } = await sent.json();
  await open(`${base}/messages/${id}/original`);
  await open(`${other}/kept-${number}`);
}
// One more page of each: what was asked for before has been seen.
await open(`${base}/health`);
await open(`${other}/nothing`);
await browser.close();
control.close();

for (const number of ran.here) faults.push(`a script ran: ${cases[number][0]}`);
if (ran.control.size < 50) faults.push(`the control ran only ${ran.control.size} of ${cases.length} scripts: this test can't fail`);
for (const fault of faults) console.error(fault);
console.log(`${cases.length} media types: ${ran.here.size} scripts ran, of the control's ${ran.control.size}`);
process.exit(faults.length ? 1 : 0);
