// Xuedun's console: keyboard, live parts, small comforts. Every page works without this file.
'use strict';
(() => {
  const $ = (sel, root = document) => root.querySelector(sel);
  const $$ = (sel, root = document) => Array.from(root.querySelectorAll(sel));
  const typing = (el) => el && (/^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) || el.isContentEditable);

  // --- Rows: j/k move, Enter opens, x selects. A row is anything with data-row.
  let at = -1;
  const rows = () => $$('[data-row]');
  function move(step) {
    const all = rows();
    if (all.length === 0) return;
    all.forEach((r) => r.classList.remove('cursor'));
    at = Math.min(all.length - 1, Math.max(0, at + step));
    all[at].classList.add('cursor');
    all[at].scrollIntoView({ block: 'nearest' });
  }
  function open() {
    const row = rows()[at];
    if (!row) return;
    const fold = $('details', row);
    const href = row.getAttribute('href') || row.dataset.href;
    if (href) location.href = href;
    else if (fold) fold.open = !fold.open;
  }
  function select() {
    const row = rows()[at];
    const box = row && $('input[type=checkbox]', row);
    if (box) { box.checked = !box.checked; count(); }
  }

  const places = { w: '/', a: '/alerts', s: '/search', c: '/compliance', d: '/drills' };
  let going = false;
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    if (e.key === 'Escape') { $$('details.menu[open]').forEach((d) => { d.open = false; }); return; }
    if (typing(e.target)) return;
    if (going) {
      going = false;
      if (places[e.key]) { location.href = places[e.key]; e.preventDefault(); }
      return;
    }
    const act = {
      j: () => move(1), k: () => move(-1), x: select,
      g: () => { going = true; setTimeout(() => { going = false; }, 1200); },
      '/': () => { const q = $('[data-search]'); if (q) q.focus(); else location.href = '/search'; },
      '?': () => { const d = $('#keys'); if (d && !d.open) d.showModal(); },
    }[e.key];
    if (act) { act(); e.preventDefault(); }
    if (e.key === 'Enter' && at >= 0 && e.target === document.body) open();
  });

  // --- Selecting many.
  function count() {
    const n = $$('input[data-pick]:checked').length;
    $$('[data-needs-pick]').forEach((b) => { b.disabled = n === 0; });
    $$('[data-pick-count]').forEach((s) => { s.textContent = n ? String(n) : ''; });
  }
  document.addEventListener('change', (e) => {
    if (e.target.matches('[data-pick-all]')) {
      $$('input[data-pick]').forEach((b) => { b.checked = e.target.checked; });
    }
    if (e.target.matches('[data-pick], [data-pick-all]')) count();
    if (e.target.matches('[data-range]')) showCustom();
    if (e.target.matches('[data-submit]')) e.target.form.requestSubmit();
  });
  function showCustom() {
    const range = $('[data-range]');
    const custom = $('[data-custom]');
    if (range && custom) custom.hidden = range.value !== 'custom';
  }

  // --- Copy, print, closing menus.
  document.addEventListener('click', (e) => {
    const copy = e.target.closest('[data-copy]');
    if (copy) {
      const from = document.getElementById(copy.dataset.copy);
      if (from && navigator.clipboard) {
        navigator.clipboard.writeText(from.textContent).then(() => { copy.classList.add('good-text'); });
      }
    }
    $$('details.menu[open]').forEach((d) => { if (!d.contains(e.target)) d.open = false; });
    const row = e.target.closest('tr[data-href]');
    if (row && !e.target.closest('a, button, input, label, summary') && !String(getSelection())) {
      location.href = row.dataset.href;
    }
  });

  // --- A form is sent once.
  document.addEventListener('submit', (e) => {
    const form = e.target;
    if (form.method !== 'post') return;
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = '1';
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  window.addEventListener('pageshow', () => { $$('form').forEach((f) => { delete f.dataset.sent; }); });

  // --- Live: the server says which topics changed; the page is fetched again and its parts with
  // that topic are replaced. A part in which somebody is working is left alone.
  const topicsOf = (el) => (el.dataset.live || '').split(' ');
  const busy = (el) => el.contains(document.activeElement) && typing(document.activeElement)
    || $('input[data-pick]:checked', el) !== null;
  let wanted = new Set();
  let timer = 0;
  async function refresh() {
    timer = 0;
    const topics = wanted;
    wanted = new Set();
    const parts = $$('[data-live][id]').filter((el) => topicsOf(el).some((t) => topics.has(t)));
    if (parts.length === 0 || document.hidden) return;
    const answer = await fetch(location.href, { headers: { 'X-Live': '1' }, credentials: 'same-origin' });
    if (answer.redirected && new URL(answer.url).pathname === '/login') { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const before = new Set(rows().map((r) => r.dataset.row));
    for (const old of parts) {
      const fresh = page.getElementById(old.id);
      if (!fresh || busy(old) || fresh.isEqualNode(old)) continue;
      $$('details', old).forEach((d, i) => { const n = $$('details', fresh)[i]; if (n && d.open) n.open = true; });
      old.replaceWith(document.importNode(fresh, true));
    }
    if (before.size > 0) {
      rows().forEach((r) => { if (r.dataset.row && !before.has(r.dataset.row)) r.classList.add('fresh'); });
    }
    if (at >= 0) move(0);
    count();
  }
  function want(topic) {
    wanted.add(topic);
    if (timer === 0) timer = setTimeout(() => { refresh().catch(() => {}); }, 900);
  }
  if ($('[data-live]') && window.EventSource) {
    const source = new EventSource('/live');
    ['alert', 'drill', 'audit', 'sensor', 'data', 'clock'].forEach((topic) => {
      source.addEventListener(topic, () => want(topic));
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) ['alert', 'drill', 'audit', 'sensor', 'data', 'clock'].forEach(want);
    });
  }

  showCustom();
  count();
})();
