// A person's way through the console in a real Chromium, while a demonstration plays.
// Arguments: output folder, file of the demonstration's output (one-time links, the closing line).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [out, said] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const story = () => readFileSync(said, "utf8");
const linkOf = (account) => story().match(new RegExp(`${account}: (http://\\S+/login/once\\?token=\\S+)`))[1];
const origin = new URL(linkOf("analyst1")).origin;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
let passed = 0;
let failed = 0;
const say = (ok, name, why = "") => {
  if (ok) passed += 1;
  else failed += 1;
  console.log(`${ok ? "PASS" : "FAIL"} ${name}${ok ? "" : `: ${why}`}`);
};

// What a page must never do: fetch from elsewhere, break the content policy, throw.
const complaints = [];
const open = async (options) => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("request", (r) => {
    if (!r.url().startsWith(origin) && !r.url().startsWith("data:")) complaints.push(`asks ${r.url()}`);
  });
  page.on("pageerror", (e) => complaints.push(`throws ${e.message}`));
  page.on("console", (m) => {
    if (m.type() === "error") complaints.push(`logs ${m.text()}`);
  });
  return { context, page };
};
const login = async (page, account) => {
  await page.goto(linkOf(account));
  await page.locator("form button[type=submit]").first().click();
  await page.waitForURL((url) => !url.pathname.startsWith("/login"), { timeout: 15000 });
};
const { context, page } = await open();

// visit PATH NAME: opens a page, looks at what every page must hold, takes a picture.
const visit = async (path, name, lang = "zh") => {
  complaints.length = 0;
  const answer = await page.goto(origin + path, { waitUntil: "load" });
  await page.screenshot({ path: `${out}/${name}.png`, fullPage: true });
  const html = await page.evaluate(() => ({
    lang: document.documentElement.lang,
    title: document.title,
    h1: document.querySelectorAll("h1").length,
    main: document.querySelector("main")?.innerText.trim().length ?? 0,
    wide: document.documentElement.scrollWidth - window.innerWidth,
  }));
  const why = [];
  if (answer?.status() !== 200) why.push(`status ${answer?.status()}`);
  if (!html.lang.startsWith(lang)) why.push(`lang is ${html.lang}`);
  if (!html.title) why.push("no title");
  if (html.h1 !== 1) why.push(`${html.h1} headings of the first order`);
  if (html.main < 20) why.push("an empty page");
  if (html.wide > 1) why.push(`${html.wide} px wider than the screen`);
  why.push(...complaints);
  say(why.length === 0, name, why.join("; "));
};
const first = async (selector) => {
  const link = page.locator(selector).first();
  return (await link.count()) ? link.getAttribute("href") : null;
};
const cookie = (name, value) => context.addCookies([{ name, value, url: origin }]);

await login(page, "analyst1");
say(true, "login with the one-time link");
await cookie("lang", "zh");

// Live: without a reload, an alert group of the story appears in the queue.
await page.goto(`${origin}/alerts?sort=latest`);
const rows = () => page.locator("#alerts a[href^='/alerts/']").count();
const before = await rows();
const reloads = [];
page.on("framenavigated", (frame) => reloads.push(frame.url()));
const grown = async () => {
  for (let i = 0; i < 900; i += 1) {
    if ((await rows()) > before) return true;
    await page.waitForTimeout(100);
  }
  return false;
};
say((await grown()) && reloads.length === 0, "an alert group appears without a reload", `${before} rows, ${reloads.length} reloads`);

// The rest looks at the whole story.
const ended = async () => {
  for (let i = 0; i < 1800; i += 1) {
    if (story().includes("Ctrl-C")) return true;
    await page.waitForTimeout(100);
  }
  return false;
};
say(await ended(), "the story comes to its end");

// The pages are those the navigation offers, so a new page is visited without a change here.
await page.goto(`${origin}/`);
const offered = await page.$$eval("nav a[href^='/']", (links) => links.map((a) => a.getAttribute("href")));
const pages = [...new Set(offered)].filter((p) => !p.startsWith("/logout"));
say(pages.length >= 6, "the navigation offers the pages", `only ${pages.join(" ")}`);
const inner = [];
const from = async (path, selector, name) => {
  await page.goto(origin + path);
  const href = await first(selector);
  if (href) inner.push([href, name]);
  else say(false, `${path} leads to ${name}`, "no link");
};
await from("/alerts", "main a[href^='/alerts/']", "alert");
await from("/schools", "main a[href^='/schools/']", "school");
await from("/compliance", "main a[href^='/compliance/runs/']", "run");
await from("/drills", "main a[href^='/drills/']", "drill");
inner.push(["/search?q=event.outcome%3Afailure", "search-found"]);
inner.push(["/search?q=*+%7C+count+by+sensor", "search-count"]);
inner.push(["/hunts?q=event.outcome%3Afailure", "hunts"]);
const slug = (path) => path.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "workbench";
for (const lang of ["zh", "en"]) {
  await cookie("lang", lang);
  for (const path of pages) await visit(path, `${lang}-${slug(path)}`, lang);
  for (const [path, name] of inner) {
    await visit(path, `${lang}-${name}`, lang);
  }
}

// Themes, and a screen as narrow as a phone.
await cookie("lang", "zh");
for (const theme of ["dark", "screen"]) {
  await cookie("theme", theme);
  await visit("/", `${theme}-workbench`);
  await visit(inner[0][0], `${theme}-alert`);
  await visit("/compliance", `${theme}-compliance`);
}
await cookie("theme", "light");
await page.setViewportSize({ width: 390, height: 844 });
for (const path of pages) await visit(path, `narrow-${slug(path)}`);
await page.setViewportSize({ width: 1440, height: 900 });

// A person works the queue: takes a group, closes it with a reason.
await page.goto(origin + inner[0][0]);
await page.locator("form[action$='/acknowledge'] button, button[formaction$='/acknowledge']").first().click();
await page.waitForLoadState("load");
const mine = (await page.locator("main").innerText()).includes("analyst1");
say(mine, "the analyst takes an alert group");

// A query that cannot be read is shown with its place; what is not there says so.
const broken = await page.goto(`${origin}/search?q=source.ip%3A%28`);
await page.screenshot({ path: `${out}/search-broken.png`, fullPage: true });
say(broken.status() === 422 && (await page.locator("main").innerText()).includes("^"), "a broken query is shown with a caret", `status ${broken.status()}`);
const gone = await page.goto(`${origin}/alerts/00000000000000000000000000000000`);
say(gone.status() === 404, "an unknown alert group is 404", `status ${gone.status()}`);

// Accessibility: axe-core over every page, both themes; its script is not ours, so the content
// policy of this one context is lifted.
const lifted = await open({ bypassCSP: true });
await lifted.context.addCookies(await context.cookies());
for (const theme of ["light", "dark"]) {
  await lifted.context.addCookies([{ name: "theme", value: theme, url: origin }]);
  for (const path of [...pages, ...inner.map(([p]) => p)]) {
    await lifted.page.goto(origin + path);
    await lifted.page.evaluate(axe);
    const found = await lifted.page.evaluate(() =>
      window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }),
    );
    const bad = found.violations.map((v) => `${v.id} at ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(" | ")}`);
    say(bad.length === 0, `WCAG 2.1 AA ${theme} ${path.replace(/[0-9a-f]{32}/, "…")}`, bad.join("; "));
  }
}

// The other roles see their own pages and no others'.
for (const [account, sees, not] of [["auditor", "/audit-log", "/alerts"], ["sysadmin", "/sensors", "/audit-log"]]) {
  const other = await open();
  await login(other.page, account);
  await other.context.addCookies([{ name: "lang", value: "zh", url: origin }]);
  const status = async (path) => (await other.page.goto(origin + path)).status();
  const [own, foreign] = [await status(sees), await status(not)];
  await other.page.goto(origin + sees);
  await other.page.screenshot({ path: `${out}/${account}.png`, fullPage: true });
  say(own === 200 && foreign === 403, `${account} sees ${sees} and not ${not}`, `${own} and ${foreign}`);
  await other.context.close();
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
