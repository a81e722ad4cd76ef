// Visits every page of the console in a real Chromium. Arguments: one-time link, output folder.
import { chromium } from "playwright-core";

const [link, out] = process.argv.slice(2);
const origin = new URL(link).origin;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
let passed = 0;
let failed = 0;
const say = (ok, name, why = "") => {
  if (ok) passed += 1;
  else failed += 1;
  console.log(`${ok ? "PASS" : "FAIL"} ${name}${ok ? "" : `: ${why}`}`);
};

// What a page must never do: fetch from elsewhere, break the content policy, throw.
const complaints = [];
page.on("request", (r) => {
  if (!r.url().startsWith(origin) && !r.url().startsWith("data:")) complaints.push(`asks ${r.url()}`);
});
page.on("pageerror", (e) => complaints.push(`throws ${e.message}`));
page.on("console", (m) => {
  if (m.type() === "error") complaints.push(`logs ${m.text()}`);
});

await page.goto(link);
await page.locator("form button[type=submit], form input[type=submit]").first().click();
await page.waitForURL((url) => !url.pathname.startsWith("/login"), { timeout: 15000 });
say(true, "login with the one-time link");

// The pages are those the navigation offers, so a new page is visited without a change here.
const offered = await page.$$eval("nav a[href^='/']", (links) => links.map((a) => a.getAttribute("href")));
const pages = [...new Set(offered)].filter((p) => !p.startsWith("/logout"));
say(pages.length >= 6, "the navigation offers the pages", `only ${pages.join(" ")}`);

for (const lang of ["zh", "en"]) {
  await context.addCookies([{ name: "lang", value: lang, url: origin }]);
  for (const path of pages) {
    complaints.length = 0;
    const name = `${lang} ${path}`;
    const answer = await page.goto(origin + path, { waitUntil: "load" });
    const file = `${out}/${lang}${path.replace(/[^a-z0-9]+/gi, "-").replace(/-$/, "")}.png`;
    await page.screenshot({ path: file, fullPage: true });
    const html = await page.evaluate(() => ({
      lang: document.documentElement.lang,
      title: document.title,
      main: document.querySelector("main")?.innerText.trim().length ?? 0,
      wide: document.documentElement.scrollWidth > window.innerWidth + 1,
    }));
    const why = [];
    if (answer?.status() !== 200) why.push(`status ${answer?.status()}`);
    if (!html.lang.startsWith(lang)) why.push(`lang is ${html.lang}`);
    if (!html.title) why.push("no title");
    if (html.main < 20) why.push("an empty page");
    if (html.wide) why.push("wider than the screen");
    why.push(...complaints);
    say(why.length === 0, name, why.join("; "));
  }
}

// The alert queue leads to an alert that says why it fired.
await page.goto(`${origin}/alerts`);
const first = page.locator("a[href^='/alerts/']").first();
if (await first.count()) {
  await first.click();
  await page.waitForLoadState("load");
  await page.screenshot({ path: `${out}/alert.png`, fullPage: true });
  say((await page.locator("main").innerText()).length > 100, "an alert opens");
} else {
  say(false, "an alert opens", "the queue is empty");
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
