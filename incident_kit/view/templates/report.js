'use strict';
// Citations open where they are cited, and the timeline's rows can be filtered. Without this script both links and rows are there all the same.
const opened = new Map(); // a link, and what it has opened

function close(link) {
  opened.get(link).remove();
  opened.delete(link);
  link.setAttribute('aria-expanded', 'false');
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function open(link, source) {
  const head = link.closest('.head');
  const place = head ? head.querySelector('dl') : link.closest('tr, li, figcaption, caption, p');
  for (const other of [...opened.keys()]) if (opened.get(other).place === place) close(other);
  const shut = element('button', { type: 'button', onclick: () => { close(link); link.focus(); } }, 'Close');
  const title = source.querySelector('summary').textContent;
  const panel = element('div', { className: 'opened' }, element('p', { className: 'title' }, title, shut));
  panel.setAttribute('role', 'group');
  panel.setAttribute('aria-label', title);
  if (link.dataset.given) panel.append(element('p', { className: 'place' }, 'Asked with ' + link.dataset.given));
  for (const part of source.children) if (part.tagName !== 'SUMMARY') panel.append(part.cloneNode(true));
  for (const text of panel.querySelectorAll('pre')) text.tabIndex = 0;
  let put = panel;
  if (place.tagName === 'TR') {
    const cell = element('td', { colSpan: 99 }, panel);
    put = element('tr', { className: 'holds' }, cell);
    place.after(put);
  } else if (place.tagName === 'DL' || place.tagName === 'P') place.after(put);
  else place.append(put);
  put.place = place;
  opened.set(link, put);
  link.setAttribute('aria-expanded', 'true');
  if (panel.getBoundingClientRect().top > innerHeight * 0.8) place.scrollIntoView();
}

for (const link of document.querySelectorAll('a[href^="#l-"], a[href^="#q-"]')) {
  const source = document.getElementById(link.hash.slice(1));
  if (!source) continue;
  link.setAttribute('role', 'button');
  link.setAttribute('aria-expanded', 'false');
  link.addEventListener('click', event => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (opened.has(link)) close(link); else open(link, source);
  });
  link.addEventListener('keydown', event => {
    if (event.key === ' ') { event.preventDefault(); link.click(); }
  });
}

document.addEventListener('keydown', event => {
  if (event.key !== 'Escape') return;
  const here = document.activeElement;
  for (const [link, panel] of [...opened]) if (link === here || panel.contains(here)) { close(link); link.focus(); }
});

for (const table of document.querySelectorAll('table.timeline')) {
  const rows = [...table.tBodies[0].rows];
  const told = element('output', {});
  const words = element('input', { type: 'search' });
  const boxes = [...new Set(rows.map(row => row.dataset.lane))].map(lane => element('input', { type: 'checkbox', checked: true, value: lane }));
  const bar = element('form', { className: 'filters', onsubmit: () => false },
    ...boxes.map(box => element('label', {}, box, box.value)), element('label', {}, 'with the words', words), told);
  bar.setAttribute('aria-label', 'Filter the timeline');
  bar.addEventListener('input', () => {
    for (const link of [...opened.keys()]) if (table.contains(link)) close(link);
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const lanes = new Set(boxes.filter(box => box.checked).map(box => box.value));
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !lanes.has(row.dataset.lane) || !wanted.every(word => text.includes(word));
    }
    const count = rows.filter(row => !row.hidden).length;
    told.textContent = count === rows.length ? '' : `${count} of ${rows.length} events`;
  });
  table.parentElement.before(bar);
}
