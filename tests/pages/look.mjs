// Walks the pages as a person would, from the start page along the links, and looks at each.
import { chromium } from "playwright-core";
import { readFileSync, mkdirSync, writeFileSync } from "node:fs";
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
// What was found of each page, for a report that `causeway evidence --results` takes in.
const report = [];
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
    if (url.origin === base && !/\/(original|ledger|issues|bundles|acknowledgement)(\/|$)|\.csv$/.test(url.pathname)) queue.push(url.pathname + url.search);
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
  // Reflow: at 320 px (a wide screen at 400 %) only what has its own area scrolls sideways.
  await live.setViewportSize({ width: 320, height: 640 });
  const width = await live.evaluate(() => document.documentElement.scrollWidth);
  if (width > 320) faults.push(`${path}: ${width} px wide on a screen of 320`);
  report.push({
    name: kind(path), rules: result.passes.length,
    found: result.violations.map((v) => `${v.impact} ${v.id}: ${v.help} (${v.nodes.length} places)`),
    broken: faults.filter((f) => f.startsWith(`${path}:`)),
  });
  await live.close();
}

// The care note: by keyboard alone and without JavaScript, wrong first, then right; axe looks at each answer.
async function axeOf(page, what) {
  // Scripts are off in this context, but not for us.
  const copy = await scripted.newPage();
  await copy.route("**/care-note*", async (route) => route.fulfill({ contentType: "text/html", body: await page.content() }));
  await copy.goto(base + "/care-note", { waitUntil: "networkidle" });
  await copy.evaluate(axe);
  const result = await copy.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const v of result.violations) faults.push(`${what}: axe ${v.impact} ${v.id}: ${v.help} (${v.nodes[0].target})`);
  if (shots) await page.screenshot({ path: `${shots}/form-${what.replace(/\W+/g, "-")}.png`, fullPage: true });
  await copy.close();
}
async function tabTo(page, selector) {
  const target = await page.locator(selector).getAttribute("id");
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    if (await page.locator(":focus").getAttribute("id").catch(() => null) === target) return;
  }
  faults.push(`care note: ${selector} is not reached by keyboard`);
}
{
  const page = await plain.newPage();
  await page.goto(base + "/care-note", { waitUntil: "networkidle" });
  const send = async () => {
    await page.locator("main form button").focus();
    await Promise.all([page.waitForNavigation({ waitUntil: "networkidle" }), page.keyboard.press("Enter")]);
  };
  await tabTo(page, "#nhs_number");
  await page.keyboard.type("999 000 0019");
  await send();
  await axeOf(page, "care note with mistakes");
  const told = await page.locator(".problem a").count();
  if (told < 5) faults.push(`care note: ${told} mistakes told`);
  if (await page.locator("#nhs_number").inputValue() !== "999 000 0019") faults.push("care note: what was typed is lost");
  await page.locator(".problem a").first().focus();
  await page.keyboard.press("Enter");
  await page.locator("#nhs_number").fill("");
  for (const [id, text] of [["nhs_number", "999 000 0018"], ["home_cqc_id", "1-9990000201"], ["date", "1/10/2026"], ["time", "9:30"]]) {
    await tabTo(page, `#${id}`);
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type(text);
  }
  await tabTo(page, "#kind-daily");
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowDown");
  if (!await page.locator("#kind-mobility").isChecked()) faults.push("care note: the kind is not chosen by arrow keys");
  for (const [id, text] of [["note", "Needs one person's help to stand"], ["written_by", "Jo Fenwick"]]) {
    await tabTo(page, `#${id}`);
    await page.keyboard.type(text);
  }
  await send();
  const at = new URL(page.url()).pathname;
  if (!/^\/messages\/[0-9a-f]+$/i.test(at)) faults.push(`care note: sent, and at ${at}`);
  if (!(await page.locator("main").innerText()).includes("Each item, in the order of the note")) faults.push("care note: what became of it is not shown");
  if (shots) await page.screenshot({ path: `${shots}/form-sent.png`, fullPage: true });
  await axeOf(page, "care note sent");

  await page.goto(base + "/care-notes", { waitUntil: "networkidle" });
  const rows = "nhs_number,home_cqc_id,date,kind,note,written_by\n9990000018,1-9990000201,2/10/2026,mood,Sang,Jo\n1,x,soon,mood,,\n";
  await page.locator("#file").setInputFiles({ name: "notes.csv", mimeType: "text/csv", buffer: Buffer.from(rows) });
  await send();
  if (!(await page.locator("h1").innerText()).includes("Some notes were not taken")) faults.push("care notes: the table's end is not told");
  await axeOf(page, "care notes sent");
  await page.goto(base + "/care-notes", { waitUntil: "networkidle" });
  await send();
  await axeOf(page, "care notes without a file");
  await page.close();
  console.log("care note: typed by keyboard without JavaScript, refused, put right, sent; a table sent");
}
// Each status on the commitment board opens its evidence in one click: its points, its tests and records that are there.
{
  const page = await scripted.newPage();
  await page.goto(base + "/commitment", { waitUntil: "networkidle" });
  const statuses = await page.locator("table td a").evaluateAll((list) => list.map((a) => a.getAttribute("href")));
  if (statuses.length !== 6) faults.push(`commitment: ${statuses.length} statuses`);
  for (const [number, href] of statuses.entries()) {
    await page.locator("table td a").nth(number).click();
    const section = page.locator(`section:has(h2${href})`);
    const top = await section.locator("h2").evaluate((h) => h.getBoundingClientRect().top).catch(() => -1);
    const height = page.viewportSize().height;
    if (top < -2 || top > height) faults.push(`commitment ${href}: its evidence is not on the screen after a click (${top})`);
    if (await section.locator("li").count() === 0 || await section.locator("code").count() === 0) faults.push(`commitment ${href}: no points or no tests`);
    for (const record of await section.locator("dd > a").evaluateAll((list) => list.map((a) => a.href))) {
      const status = await page.evaluate(async (to) => (await fetch(to, { headers: { accept: "text/html" } })).status, record);
      if (status >= 400) faults.push(`commitment ${href}: ${record} answers ${status}`);
    }
  }
  console.log(`commitment: ${statuses.length} statuses, each opens its evidence in one click`);
  await page.close();
}

// A clinician's five questions (allergies, medicines, the week, who looks after her, what she wants) are answered on the
// first screen: heading and first line of each, on a desk and on a phone.
const person = seen.get("/people/ID");
if (!person) faults.push("five questions: no person's page was found");
for (const [width, height] of person ? [[1280, 800], [390, 844]] : []) {
  const context = await browser.newContext({ viewport: { width, height }, bypassCSP: true });
  const page = await context.newPage();
  await page.goto(base + person, { waitUntil: "networkidle" });
  const ends = await page.evaluate(() => [...document.querySelectorAll(".safety, .glance section")].map((part) => {
    const line = part.querySelector("li") ?? part.querySelector("p");
    return [part.querySelector("h2").textContent, Math.round(line.getBoundingClientRect().bottom)];
  }));
  if (ends.length !== 5) faults.push(`five questions at ${width} px: ${ends.length} answers`);
  for (const [what, bottom] of ends) if (bottom > height) faults.push(`five questions at ${width} px: "${what}" ends at ${bottom} of ${height}`);
  if (shots) await page.screenshot({ path: `${shots}/five-questions-${width}.png` });
  console.log(`five questions at ${width} px: ${ends.map(([what, bottom]) => `${what} ${bottom}`).join(", ")}`);
  await context.close();
}
await browser.close();
const pages = [...seen.values()].filter((p) => p !== "not a page");
console.log(`${pages.length} pages looked at: ${pages.join(" ")}`);
faults.forEach((f) => console.log(f));
if (process.env.JUNIT) {
  const xml = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const cases = report.map(({ name, rules, found, broken }) =>
    `<testcase classname="pages" name="${xml(name)}">${broken.length ? `<failure message="${xml(broken[0])}">${xml(broken.join("\n"))}</failure>` : ""}<system-out>${rules} rules of axe-core passed; ${found.length ? xml(found.join("; ")) : "no violation"}</system-out></testcase>`);
  const failed = report.filter((r) => r.broken.length).length;
  writeFileSync(process.env.JUNIT, `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n<testsuite name="accessibility" tests="${report.length}" failures="${failed}">\n${cases.join("\n")}\n</testsuite>\n</testsuites>\n`);
}
console.log(`${pages.length} passed, ${faults.length} failed`);
process.exit(faults.length ? 1 : 0);
