// Walks the pages as a person would, from the start page along the links, and looks at each.
import { chromium } from "playwright-core";
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";

const [base, shots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES_MAX = 40;
const BYTES_MAX = 100_000;
if (shots) mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
// Pages must work without JavaScript: they are loaded with it switched off, and axe looks at the same page with it on.
const plain = await browser.newContext({ javaScriptEnabled: false });
const scripted = await browser.newContext({ bypassCSP: true });
const faults = [];
const seen = new Map();
// One of each kind of page: ids in paths are alike.
const kind = (path) => path.split("?")[0].replace(/[0-9a-f]{8}-?[0-9a-f-]{8,}/gi, "ID").replace(/\/\d+/g, "/N");
const queue = ["/"];

while (queue.length && seen.size < PAGES_MAX) {
  const path = queue.shift();
  if (seen.has(kind(path))) continue;
  const page = await plain.newPage();
  let bytes = 0;
  page.on("response", async (r) => { try { bytes += (await r.body()).length; } catch { /* no body */ } });
  const answer = await page.goto(base + path, { waitUntil: "networkidle" });
  const type = answer.headers()["content-type"] ?? "";
  if (!type.startsWith("text/html")) { await page.close(); seen.set(kind(path), "not a page"); continue; }
  seen.set(kind(path), path);
  if (answer.status() >= 400) faults.push(`${path}: ${answer.status()}`);
  if (bytes > BYTES_MAX) faults.push(`${path}: ${bytes} bytes`);
  const text = await page.locator("body").innerText();
  if (!text.includes("synthetic data")) faults.push(`${path}: the banner is missing`);
  for (const [what, where] of [["a main landmark", "main"], ["one h1", "h1"], ["a skip link", "a[href^='#']"], ["a language", "html[lang]"]]) {
    if (await page.locator(where).count() === 0) faults.push(`${path}: ${what} is missing`);
  }
  const links = await page.locator("a[href]").evaluateAll((list) => list.map((a) => a.getAttribute("href"))).catch(() => null)
    ?? [...(await answer.text()).matchAll(/href="([^"]+)"/g)].map((m) => m[1].replaceAll("&amp;", "&"));
  for (const link of links) {
    const url = new URL(link, base + path);
    if (url.origin === base && !/\/(original|ledger|issues|bundles|acknowledgement)(\/|$)/.test(url.pathname)) queue.push(url.pathname + url.search);
  }
  if (shots) await page.screenshot({ path: `${shots}/${String(seen.size).padStart(2, "0")}${kind(path).replace(/\W+/g, "-")}.png`, fullPage: true });
  await page.close();

  const live = await scripted.newPage();
  await live.goto(base + path, { waitUntil: "networkidle" });
  await live.evaluate(axe);
  const result = await live.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const v of result.violations) {
    const line = `${path}: axe ${v.impact} ${v.id}: ${v.help} (${v.nodes.length}; ${v.nodes[0].target})`;
    if (v.impact === "serious" || v.impact === "critical") faults.push(line); else console.log(line);
  }
  // The first key press must land on something that is seen.
  await live.keyboard.press("Tab");
  const focused = await live.evaluate(() => document.activeElement?.tagName ?? "");
  if (!["A", "BUTTON", "INPUT", "SUMMARY", "SELECT"].includes(focused)) faults.push(`${path}: Tab leads to ${focused}`);
  await live.close();
}
await browser.close();
const pages = [...seen.values()].filter((p) => p !== "not a page");
console.log(`${pages.length} pages looked at: ${pages.join(" ")}`);
faults.forEach((f) => console.log(f));
console.log(`${pages.length} passed, ${faults.length} failed`);
process.exit(faults.length ? 1 : 0);
