// Pages of those who signed in: each of the ten invented people looks at theirs (axe-core, keyboard, size, phone); a care worker
// writes a note, GP and ward see it, she corrects it; and what a hostile site could try is tried in the same browser.
import { chromium } from "playwright-core";
import { readFileSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [base, shots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const BYTES_MAX = 100_000;
// For how long something is waited for. How long it took is printed.
const WAIT_MS = 90_000;
if (shots) mkdirSync(shots, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const faults = [];
let looked = 0;

// Somebody with a browser of their own. Pages are used with scripts off; axe has them on, in the same session.
async function person(subject) {
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const page = await plain.newPage();
  await page.goto(base + "/look-as", { waitUntil: "networkidle" });
  const button = page.locator(`form:has(input[value="${subject}"]) button`);
  await button.focus();
  await Promise.all([page.waitForNavigation({ waitUntil: "networkidle" }), page.keyboard.press("Enter")]);
  const scripted = await browser.newContext({ bypassCSP: true, storageState: await plain.storageState() });
  return { subject, plain, page, scripted };
}

// Looks at a page as this person: status, size, axe, every control by keyboard, no sideways scrolling on a phone.
async function look(who, path, { status = 200, axeToo = true } = {}) {
  const page = who.page;
  let bytes = 0;
  const count = async (r) => { try { bytes += (await r.body()).length; } catch { /* no body */ } };
  page.on("response", count);
  const answer = await page.goto(base + path, { waitUntil: "networkidle" });
  page.off("response", count);
  looked += 1;
  const name = `${who.subject} ${path.replace(/[0-9a-f-]{30,}/, "ID")}`;
  if (answer.status() !== status) faults.push(`${name}: ${answer.status()}`);
  if (bytes > BYTES_MAX) faults.push(`${name}: ${bytes} bytes`);
  const cache = answer.headers()["cache-control"] ?? "";
  if (!cache.includes("no-store")) faults.push(`${name}: cache-control "${cache}"`);
  if (!axeToo) return page;
  const live = await who.scripted.newPage();
  await live.goto(base + path, { waitUntil: "networkidle" });
  await live.evaluate(axe);
  const result = await live.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const v of result.violations) {
    const line = `${name}: axe ${v.impact} ${v.id}: ${v.help} (${v.nodes.length}; ${v.nodes[0].target})`;
    if (v.impact === "serious" || v.impact === "critical") faults.push(line); else console.log(line);
  }
  // Every control is reached by Tab, in turn, and shows that it is.
  const controls = await live.evaluate(() => {
    const wanted = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const seen = (e) => e.checkVisibility({ checkVisibilityCSS: true }) && !e.disabled;
    const groups = new Set();
    // A group of radio buttons is one stop.
    const stops = [...document.querySelectorAll(wanted)].filter(seen).filter((e) => {
      if (e.type !== "radio") return true;
      if (groups.has(e.name)) return false;
      groups.add(e.name);
      return true;
    });
    return stops.length;
  });
  const reached = new Set();
  let unseen = 0;
  for (let presses = 0; presses < controls + 5; presses++) {
    await live.keyboard.press("Tab");
    const at = await live.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      window.stops ??= new Map();
      if (!window.stops.has(e)) window.stops.set(e, window.stops.size);
      const style = getComputedStyle(e);
      const marked = style.outlineStyle !== "none" || style.boxShadow !== "none";
      return { stop: window.stops.get(e), marked };
    });
    if (!at) continue;
    if (!at.marked && !reached.has(at.stop)) unseen += 1;
    reached.add(at.stop);
  }
  if (reached.size < controls) faults.push(`${name}: ${reached.size} of ${controls} controls are reached by Tab`);
  if (unseen) faults.push(`${name}: ${unseen} controls do not show that they have the focus`);
  await live.setViewportSize({ width: 390, height: 844 });
  const wide = await live.evaluate(() => document.documentElement.scrollWidth);
  if (wide > 390) faults.push(`${name}: ${wide} px wide on a phone`);
  // Nor is anything of a table out of sight at the side, such as the button that takes an access back. (The tables of results of a
  // care team's page have an area that scrolls.)
  const cut = await live.evaluate(() => [...document.querySelectorAll(".table")].filter((e) => e.scrollWidth > e.clientWidth + 1)
    .map((e) => e.getAttribute("aria-labelledby")));
  if (cut.length && !path.startsWith("/people/")) faults.push(`${name}: on a phone there is more at the side of ${cut.join(", ")}`);
  if (shots) {
    const file = name.replace(/\W+/g, "-");
    await live.screenshot({ path: `${shots}/signed-${file}-390.png`, fullPage: true });
    await live.setViewportSize({ width: 1280, height: 900 });
    await live.screenshot({ path: `${shots}/signed-${file}-1280.png`, fullPage: true });
  }
  await live.close();
  return page;
}

const visitor = await browser.newPage();
await visitor.goto(base + "/people/", { waitUntil: "networkidle" });
// The woman of the demonstration is she whom `herself` is.
const herself = await person("herself");
const own = (await herself.page.locator("a[href^='/me/']").first().getAttribute("href") ?? new URL(herself.page.url()).pathname);
const id = own.split("/")[2];
const record = `/people/${id}`;

// --- a care worker writes; GP and ward see it; she corrects it
// First, as emergency access of the ward ends after fifteen minutes.
const worker = await person("care-worker"), gp = await person("gp"), nurse = await person("ward-nurse");
const FIRST = "Walks to the window with one stick", SECOND = "Walks to the window with two sticks";
async function fill(page, fields) {
  for (const [field, text] of Object.entries(fields)) {
    await page.locator(`#${field}`).focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type(text);
  }
}
async function submit(page) {
  await page.locator("main form[action^='/care-note'] button").focus();
  await Promise.all([page.waitForNavigation({ waitUntil: "networkidle" }), page.keyboard.press("Enter")]);
}
async function until(who, what, holds) {
  const begun = Date.now();
  for (;;) {
    await who.page.goto(base + record + "?section=care-notes", { waitUntil: "domcontentloaded" });
    const text = await who.page.content();
    if (holds(text)) return Date.now() - begun;
    if (Date.now() - begun > WAIT_MS) { faults.push(`${who.subject}: ${what} did not come`); return -1; }
    await new Promise((done) => setTimeout(done, 50));
  }
}
{
  const page = await look(worker, "/care-note");
  await fill(page, { nhs_number: "999 000 0018", date: "1/10/2026", time: "9:30", note: FIRST, written_by: "Jo Fenwick" });
  await page.locator("#kind-mobility").focus();
  await page.keyboard.press("Space");
  await submit(page);
  if (!(await page.locator("main").innerText()).includes("The note was taken and is kept")) faults.push(`care note: sent, and at ${page.url()}`);
  const first = await until(gp, "the note", (text) => text.includes(FIRST));
  const ward = await until(nurse, "the note", (text) => text.includes(FIRST));
  await page.locator("main a[href^='/care-note/']").first().focus();
  await Promise.all([page.waitForNavigation({ waitUntil: "networkidle" }), page.keyboard.press("Enter")]);
  const form = new URL(page.url()).pathname;
  await look(worker, form);
  await fill(page, { note: SECOND, written_by: "Jo Fenwick" });
  await submit(page);
  const shown = (text) => text.includes(SECOND) && text.includes("corrected") && text.includes(`Before the change: ${FIRST}`);
  const again = await until(gp, "the correction", shown);
  const there = await until(nurse, "the correction", shown);
  if (shots) {
    await gp.page.setViewportSize({ width: 1280, height: 900 });
    await gp.page.screenshot({ path: `${shots}/signed-corrected-1280.png`, fullPage: true });
  }
  // She sees it too, with the earlier words, and who read and corrected it.
  await herself.page.goto(base + `/me/${id}?section=care-notes`, { waitUntil: "networkidle" });
  const hers = await herself.page.locator("main").innerText();
  if (!hers.includes(SECOND) || !hers.includes(FIRST)) faults.push("her own page does not show the correction beside the earlier words");
  await herself.page.goto(base + `/me/${id}/looked`, { waitUntil: "networkidle" });
  if (!(await herself.page.locator("main").innerText()).includes("Jo Fenwick")) faults.push("who corrected it is not among those who looked");
  console.log(`care note: on the GP's page after ${first} ms, the ward's after ${ward} ms; corrected: ${again} ms, ${there} ms`);
}

// --- each of the ten
// Each signs in when it is their turn: a session that idles ends.
for (const path of ["/me", `/me/${id}`, `/me/${id}?easy=1&large=1`, `/me/${id}/looked`, `/me/${id}/choices`, `/me/${id}/people`,
  `/me/${id}/readings`, `/me/${id}/wrong`]) await look(herself, path);
const daughter = await person("daughter");
await look(daughter, "/me");
await look(daughter, `/me/${id}`);
const officer = await person("privacy-officer");
for (const path of ["/privacy", "/access", "/access/try", "/access/choices", "/access/sensitive", "/access/side-by-side"]) {
  await look(officer, path);
}
const sideBySide = await look(officer, "/access/side-by-side", { axeToo: false });
const columns = await sideBySide.locator("thead th").count();
if (columns < 11) faults.push(`side by side: ${columns - 1} people`);
await look(await person("gp"), "/access/ask");
for (const subject of ["gp", "ward-nurse", "care-manager", "care-worker", "social-worker", "technician"]) {
  await look(await person(subject), record, { axeToo: subject !== "technician" });
}
await look(await person("researcher"), record, { status: 403, axeToo: false });

// --- what a hostile site could try
// A session that was set before is not the one after signing in, and opens nothing.
{
  const context = await browser.newContext({ javaScriptEnabled: true, bypassCSP: true });
  const fixed = "a".repeat(64);
  await context.addCookies([{ name: "causeway-session", value: fixed, url: base, httpOnly: true, sameSite: "Lax" }]);
  const page = await context.newPage();
  await page.goto(base + "/look-as", { waitUntil: "networkidle" });
  const button = page.locator('form:has(input[value="gp"]) button');
  if (await button.count() === 0) await context.clearCookies();
  await page.goto(base + "/look-as", { waitUntil: "networkidle" });
  await Promise.all([page.waitForNavigation({ waitUntil: "networkidle" }), button.click()]);
  const cookies = (await context.cookies()).filter((c) => c.name.endsWith("causeway-session"));
  const [session] = cookies;
  if (cookies.length !== 1 || session.value === fixed) faults.push("fixation: the session is the one that was set before");
  if (!session?.httpOnly || session?.sameSite !== "Lax") faults.push(`cookie: HttpOnly ${session?.httpOnly}, SameSite ${session?.sameSite}`);
  if ((await page.evaluate(() => document.cookie)).includes("causeway-session")) faults.push("cookie: scripts can read it");
  const stranger = await browser.newContext();
  await stranger.addCookies([{ name: "causeway-session", value: fixed, url: base, httpOnly: true, sameSite: "Lax" }]);
  const closed = await (await stranger.newPage()).goto(base + record, { waitUntil: "networkidle" });
  if (closed.status() === 200 && !closed.url().includes("/sign-in")) faults.push("fixation: the set session opens a record");
  // After signing out, going back shows nothing: the page was not kept.
  await page.goto(base + record, { waitUntil: "networkidle" });
  const name = await page.locator("h1").innerText();
  await page.goto(base + "/access", { waitUntil: "networkidle" });
  const who = await page.locator(".signed strong").innerText();
  await Promise.all([page.waitForNavigation({ waitUntil: "networkidle" }), page.locator(".signed button").click()]);
  await page.goBack({ waitUntil: "networkidle" }).catch(() => null);
  if ((await page.locator("body").innerText()).includes(`You are ${who}`)) faults.push("cache: going back after signing out shows who was signed in");
  if (session) {
    await context.addCookies([session]);
    const kept = await page.goto(base + record, { waitUntil: "networkidle" });
    if (kept.status() === 200 && (await page.locator("body").innerText()).includes(name)) faults.push("sign-out: the old cookie opens the record");
  }
  await context.close();
}
// Another site sends her form, shows her page in a frame, and reads it.
{
  const again = await person("herself");
  const context = await browser.newContext({ storageState: await again.plain.storageState() });
  const evil = createServer((request, answer) => {
    const part = new URL(request.url, "http://evil").pathname;
    answer.setHeader("content-type", "text/html");
    if (part === "/form") {
      return answer.end(`<form method="post" action="${base}/me/${id}/choices"><input name="choice" value="objection"><input name="on" value="yes">
        <input name="csrf" value="${"a".repeat(64)}"></form><script>document.forms[0].submit()</script>`);
    }
    if (part === "/frame") return answer.end(`<iframe src="${base}/me/${id}"></iframe><iframe src="/plain"></iframe>`);
    return answer.end("<p>shown in a frame</p>");
  });
  await new Promise((done) => evil.listen(0, "127.0.0.1", done));
  const port = evil.address().port;
  for (const host of ["localhost", "127.0.0.1"]) {
    const page = await context.newPage();
    const refused = page.waitForResponse((r) => r.url().endsWith("/choices"), { timeout: WAIT_MS });
    await page.goto(`http://${host}:${port}/form`).catch(() => null);
    const status = (await refused).status();
    if (status < 400) faults.push(`forgery from ${host}: answered ${status}`);
    await page.goto(`http://${host}:${port}/frame`, { waitUntil: "networkidle" });
    const texts = await Promise.all(page.frames().slice(1).map((f) => f.locator("body").innerText({ timeout: 5000 }).catch(() => "")));
    if (!texts.some((t) => t.includes("shown in a frame"))) faults.push(`frame from ${host}: the control is not shown`);
    const [name] = (await again.page.locator("h1").innerText()).split("\n");
    if (texts.some((t) => t.includes("My record") || t.includes("NHS number") || t.includes(name))) faults.push(`frame from ${host}: her record is shown`);
    const read = await page.evaluate((url) => fetch(url, { credentials: "include" }).then((r) => r.text(), () => ""), `${base}/me/${id}`);
    if (read) faults.push(`fetch from ${host}: her record is read`);
    await page.close();
  }
  await again.page.goto(base + `/me/${id}/choices`, { waitUntil: "networkidle" });
  const objection = again.page.locator("li", { hasText: "Objection to the shared record" });
  if (!(await objection.first().innerText()).includes("Off")) faults.push("forgery: her choice was changed");
  evil.close();
  await context.close();
  console.log("another site: her form, her page in a frame and a read of it were refused; its own frame was shown");
}
await browser.close();
faults.forEach((f) => console.log(f));
console.log(`${looked} looks by ten people: ${faults.length} failed`);
process.exit(faults.length ? 1 : 0);
