// Keeps a page that is live up to date: at each new picture it is fetched again, and what differs is changed in place, so that the
// focus, a selection, what is typed and what is unfolded stay. Nothing is kept of earlier pictures.
(() => {
  'use strict';
  const address = document.body.dataset.live;
  if (!address) return;
  const lost = document.getElementById('lost');
  let source = null, retry = 0, isLoading = false, isWanted = false;

  // What somebody has done to an element himself is not undone.
  const own = (node, name) =>
    (name === 'open' && node.localName === 'details') || (name === 'value' && node === document.activeElement);

  // The attribute, for the property `id` of a form is its field of that name.
  const idOf = (node) => node.getAttribute?.('id') ?? '';

  const alike = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && idOf(one) === idOf(other);

  const change = (old, now) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== now.nodeValue) old.nodeValue = now.nodeValue;
      return;
    }
    for (const { name, value } of now.attributes) {
      if (!own(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!own(old, name) && !now.hasAttribute(name)) old.removeAttribute(name);
    }
    children(old, now);
  };

  const children = (old, now) => {
    // Rows with an id keep their element wherever they move.
    const byId = new Map();
    for (const child of old.children) if (idOf(child)) byId.set(idOf(child), child);
    let place = old.firstChild;
    for (const wanted of [...now.childNodes]) {
      const same = (idOf(wanted) && byId.get(idOf(wanted))) || (place && alike(place, wanted) ? place : null);
      if (!same || !alike(same, wanted)) {
        old.insertBefore(document.importNode(wanted, true), place);
        continue;
      }
      if (same === place) place = place.nextSibling;
      else old.insertBefore(same, place);
      change(same, wanted);
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  };

  const load = async () => {
    if (isLoading) { isWanted = true; return; }
    isLoading = true;
    isWanted = false;
    try {
      const reply = await fetch(location.href, { cache: 'no-store', redirect: 'manual' });
      // A session that has ended: the page itself is led to the login.
      if (reply.type === 'opaqueredirect') { location.reload(); return; }
      const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
      const now = page.getElementById('content'), old = document.getElementById('content');
      if (now && old) change(old, now);
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    } finally {
      isLoading = false;
    }
    if (isWanted && !document.hidden) load();
  };

  const stop = () => {
    clearTimeout(retry);
    if (source) source.close();
    source = null;
  };

  const start = () => {
    stop();
    source = new EventSource(address);
    source.addEventListener('picture', load);
    source.addEventListener('open', () => { lost.hidden = true; });
    source.addEventListener('error', () => {
      lost.hidden = false;
      // The browser tries again by itself, unless it was refused.
      if (source && source.readyState === EventSource.CLOSED) {
        stop();
        retry = setTimeout(() => { load(); start(); }, 5000);
      }
    });
  };

  // A browser has few connections for one host: a tab that nobody sees gives its own back.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { stop(); } else { load(); start(); }
  });
  addEventListener('pagehide', stop);
  addEventListener('pageshow', (event) => { if (event.persisted) { load(); start(); } });
  if (!document.hidden) start();
})();
