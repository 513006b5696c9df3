/* banso: the popup on a product's pages. It asks its own server what to show and tells what became of it, nothing else: docs/popups.md of banso. */
(() => {
  "use strict";
  if (Object.hasOwn(window, "banso")) return; // a second tag would show everything twice

  const LOOK_MS = 1000; // for a token and an answer; then we were never there
  const TELL_MS = 5000; // for what the visitor said himself
  const TELL_AGAIN_MS = [2000, 10_000];
  const SETTLE_MS = 1200; // an event that was just sent reaches the server a moment later
  const THANKS_MS = 2500;
  const SPOKEN_MS = 5000;
  const REST_MS = 5000; // after a failure; after each further one twice as long
  const LONGEST_REST_MS = 300_000;
  const REFUSED_MS = 900_000; // nobody is signed in, or this page is not let in
  // [since the visitor last did something, until the next question]: a page that is left alone with nothing on it asks nothing.
  const WITH_POPUP = [[3000, 400], [15_000, 700], [60_000, 5000], [Infinity, 60_000]];
  const WITHOUT = [[1000, 600], [10_000, 4000], [30_000, 10_000], [Infinity, Infinity]];
  const LONGEST_ANSWER = 100_000; // characters
  const WORDS = ["later", "close", "send", "thanks", "no_answer", "not_sent", "new_tab", "notice"];
  const CHOSEN = ["one", "yes_no", "many"];
  const WRITTEN = ["number", "date", "text"];

  // In em and not in rem, which is the page's; light or dark as the page is, not as the machine is.
  const STYLE = `
    :host { all: initial !important; color-scheme: inherit !important; display: block !important; position: fixed !important;
      z-index: 2147483647 !important; inset: auto var(--banso-right, 1em) var(--banso-bottom, 1em) auto !important;
      inline-size: min(24em, 100vw - 2em) !important; overflow-wrap: anywhere !important;
      --ink: #1d2430; --paper: #fff; --soft: #566070; --line: #7b8491; --accent: #14598c; --wrong: #a8201a; }
    @supports (color: light-dark(red, blue)) { :host {
      --ink: light-dark(#1d2430, #e8ebf0); --paper: light-dark(#fff, #1b2027); --soft: light-dark(#566070, #a9b2bf);
      --line: light-dark(#7b8491, #78828f); --accent: light-dark(#14598c, #8ecbf5); --wrong: light-dark(#a8201a, #ff9d94); } }
    * { box-sizing: border-box; }
    section { max-block-size: calc(100dvh - 2em); overflow: auto; overscroll-behavior: contain; padding: 1.1em 1.25em;
      border: 1px solid var(--line); border-radius: .75em; background: var(--paper); color: var(--ink); box-shadow: 0 .5em 2em #0004;
      font: 1em/1.7 system-ui, "Hiragino Sans", "Noto Sans JP", "Yu Gothic UI", sans-serif; }
    .head { display: flex; align-items: start; }
    h2 { flex: 1; margin: 0; font-size: 1.1em; line-height: 1.5; word-break: auto-phrase; }
    p { margin: .6em 0; }
    form, .acts { display: flex; flex-wrap: wrap; gap: .5em; margin-block-start: .9em; }
    button, a { display: inline-flex; align-items: center; min-block-size: 2.75em; padding: .4em 1.1em; border: 1px solid var(--accent);
      border-radius: .5em; background: none; color: var(--accent); font: inherit; line-height: 1.4; text-decoration: none; cursor: pointer; }
    .main { background: var(--accent); color: var(--paper); font-weight: bold; }
    .quiet { border-color: transparent; color: var(--soft); text-decoration: underline; }
    .close { justify-content: center; inline-size: 2.75em; padding: 0; margin: -.5em -.75em 0 0; border-color: transparent; color: var(--soft); }
    form > :not(.main) { inline-size: 100%; }
    label { display: flex; gap: .6em; align-items: center; min-block-size: 2.75em; cursor: pointer; }
    input, textarea { padding: .5em .7em; border: 1px solid var(--line); border-radius: .4em; background: none; color: inherit; font: inherit; }
    [type=checkbox] { inline-size: 1.25em; block-size: 1.25em; margin: 0; flex: none; accent-color: var(--accent); }
    [aria-busy=true] { opacity: .6; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    .arrow { margin-inline-start: .5em; }
    .wrong { margin: 0; color: var(--wrong); }
    .wrong:empty { display: none; }
    .heard { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    @media (max-width: 30em) {
      :host { inset: auto 0 var(--banso-bottom, 0px) !important; inline-size: auto !important; }
      section { border-radius: .75em .75em 0 0; padding-block-end: calc(1.1em + env(safe-area-inset-bottom, 0px)); } }
    @media (prefers-reduced-motion: no-preference) { section { animation: come .2s; } }
    @keyframes come { from { opacity: 0; translate: 0 .5em; } }
    @media print { :host { display: none !important; } }`;

  const now = () => performance.now();
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  /** The page goes before us: it sees no error of ours and no rejection. */
  const quiet = (work) => async (...given) => {
    try {
      return await work(...given);
    } catch {
      return undefined;
    }
  };

  /** What `work(signal)` gives, if it gives it in time. */
  const within = async (ms, work) => {
    const patience = new AbortController();
    let timer;
    const late = new Promise((_, refuse) => { timer = setTimeout(refuse, ms); });
    try {
      return await Promise.race([work(patience.signal), late]);
    } finally {
      clearTimeout(timer);
      patience.abort(); // ends what is still under way
    }
  };

  // --- what comes in is believed as far as it has the agreed form ---------------------------------------------------

  const isText = (value) => typeof value === "string" && value.trim() !== "";
  const list = (value) => (Array.isArray(value) ? value : []);
  const cut = (text, longest) => (text.length > longest ? `${text.slice(0, longest)}…` : text);

  /** A link to https, or to the page's own origin, as a developer's machine has no certificate. Any other is none. */
  const readLink = (link) => {
    if (!isText(link?.label) || !isText(link.url) || !URL.canParse(link.url)) return null;
    const { protocol, origin, href } = new URL(link.url);
    if (protocol !== "https:" && !(protocol === "http:" && origin === location.origin)) return null;
    return { label: cut(link.label, 100), href, isElsewhere: origin !== location.origin };
  };

  const readQuestion = ({ form, choices }) => {
    const known = list(choices).filter((each) => isText(each?.value) && isText(each.label)).slice(0, 50);
    const isOne = WRITTEN.includes(form) || (CHOSEN.includes(form) && known.length);
    return isOne ? { form, choices: known.map(({ value, label }) => ({ value, label: cut(label, 200) })) } : null;
  };

  /** The action of an answer, or null where nothing can be shown. */
  const readAction = (body) => {
    const { id, title, paragraphs, link, question, language, words } = body?.action ?? {};
    if (!/^[\w-]{1,100}$/.test(id) || !isText(title) || !WORDS.every((name) => isText(words?.[name]))) return null;
    const asked = question ? readQuestion(question) : null;
    if (question && !asked) return null; // a question that cannot be answered
    return {
      id, words, link: readLink(link), question: asked, title: cut(title, 200),
      language: /^[a-z]{2}$/.test(language) ? language : "",
      paragraphs: list(paragraphs).filter(isText).slice(0, 10).map((each) => cut(each, 1000)),
    };
  };

  // --- the server ---------------------------------------------------------------------------------------------------

  let visitor = null; // who is there: {api, giveToken(signal), token}

  const send = ({ api, token }, path, options, signal) =>
    fetch(new URL(path, api), {
      ...options, signal, headers: { ...options.headers, Authorization: `Bearer ${token}` },
      mode: "cors", credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
    });
  const isRefused = ({ status }) => status === 401 || status === 403;

  /** The answer; a token that is not taken is renewed once. */
  const ask = async (who, path, options, signal) => {
    who.token ??= await who.giveToken(signal);
    const answer = await send(who, path, options, signal);
    if (!isRefused(answer)) return answer;
    const old = who.token;
    who.token = null;
    who.token = await who.giveToken(signal);
    return who.token === old ? answer : send(who, path, options, signal);
  };

  const textOf = async (answer) => {
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
      if (text.length > LONGEST_ANSWER) throw new Error("too long");
    }
  };

  /** Tells what became of a popup, and gives the status, 0 for none. It goes out even if the visitor is leaving the page. */
  const tell = async (who, id, word, value) => {
    const said = value === undefined ? {} : { body: JSON.stringify({ value }), headers: { "Content-Type": "application/json" } };
    try {
      const options = { method: "POST", keepalive: true, ...said };
      return await within(TELL_MS, async (signal) => (await ask(who, `v1/next-action/${id}/${word}`, options, signal)).status);
    } catch {
      return 0;
    }
  };

  const isKept = (status) => status > 0 && status !== 429 && status < 500; // or will never be

  const tellSurely = async (who, id, word) => {
    for (const wait of [...TELL_AGAIN_MS, 0]) {
      if (isKept(await tell(who, id, word))) return;
      await pause(wait);
    }
  };

  // --- the popup: texts in a closed shadow root ---------------------------------------------------------------------

  let shown = null; // the popup on the screen
  const over = new Set(); // ids that are done with on this page

  /** An element: functions among its attributes listen to the event of that name, texts become text nodes. */
  const element = (name, attributes, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(key, quiet(value));
      else made.setAttribute(key, value);
    }
    made.append(...inside.filter(Boolean));
    return made;
  };

  const linked = (link, words, follow) => {
    const attributes = { class: "main", href: link.href, click: follow, auxclick: ({ button }) => button === 1 && follow() };
    if (!link.isElsewhere) return element("a", attributes, link.label);
    const hint = element("span", { class: "heard" }, words.new_tab);
    const arrow = element("span", { class: "arrow", "aria-hidden": "true" }, "↗");
    return element("a", { ...attributes, target: "_blank", rel: "noopener" }, link.label, hint, arrow);
  };

  /** A button for each of several choices, boxes to tick where more than one may be meant, or a line to write. */
  const asked = ({ form, choices }, words, answer) => {
    const wrong = element("p", { class: "wrong", id: "wrong", role: "alert" });
    const button = ({ value, label }) => element("button", { type: "button", click: () => answer(value) }, label);
    const box = ({ value, label }) => element("label", {}, element("input", { type: "checkbox", value }), label);
    const line = () => element(form === "text" ? "textarea" : "input", {
      "aria-labelledby": "title", "aria-describedby": "wrong", autocomplete: "off", maxlength: 1000,
      inputmode: form === "number" ? "decimal" : "text",
    });
    const group = { role: "group", "aria-labelledby": "title" };
    if (form === "one" || form === "yes_no") return element("form", group, ...choices.map(button), wrong);
    const fields = form === "many" ? choices.map(box) : [line()];
    const submit = (event) => {
      event.preventDefault();
      const ticked = [...event.target.querySelectorAll(":checked")].map((each) => each.value);
      const said = form === "many" ? ticked : fields[0].value.trim();
      if (said.length) return answer(said);
      wrong.textContent = words.no_answer;
      return undefined;
    };
    return element("form", { ...group, submit }, ...fields, wrong, element("button", { class: "main" }, words.send));
  };

  /** The element on the page and the root inside it, to which neither side's styles and keys pass. */
  const dressed = (language) => {
    const host = element("banso-popup", language ? { lang: language } : {});
    const root = host.attachShadow({ mode: "closed" });
    const sheet = new CSSStyleSheet(); // a style element would need leave from the page's CSP
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    // Else letters that are written here would be shortcuts there.
    for (const each of ["keydown", "keypress", "keyup"]) host.addEventListener(each, (event) => event.stopPropagation());
    return { host, root };
  };

  /** What a visitor does with a popup: told to the server, and shown in `view`. */
  const doings = (who, { id, words }, view) => {
    let isTold = false;
    let isSending = false;
    return {
      see: quiet(async () => {
        if (isTold || document.hidden) return;
        isTold = true;
        const status = await tell(who, id, "shown");
        isTold = isKept(status);
        if (status === 410) view.remove();
      }),
      end: (word) => {
        if (over.has(id)) return view.remove(); // it was answered, thanks are on the screen
        over.add(id);
        const told = tellSurely(who, id, word);
        pause(0).then(quiet(view.remove)); // a link must be there while it is followed
        return told;
      },
      answer: async (value) => {
        if (isSending) return undefined;
        isSending = true;
        view.wait(true);
        const status = await tell(who, id, "answered", value);
        isSending = false;
        view.wait(false);
        if (status === 410) return view.remove();
        if (status !== 200) return view.complain(status === 400 ? words.no_answer : words.not_sent);
        over.add(id);
        view.thank();
        await pause(THANKS_MS);
        return view.remove();
      },
    };
  };

  const open = (who, action) => {
    const { id, title, language, words, paragraphs, link, question } = action;
    const { host, root } = dressed(language);
    let cameFrom = null; // where the focus was before it came in here
    let isVisible = false;
    const hasFocus = () => root.activeElement !== null;
    const say = quiet(async (text) => {
      await pause(200); // a live region must be there before its text is
      heard.textContent = text;
      await pause(SPOKEN_MS);
      heard.textContent = "";
    });
    const view = {
      wait: (isLong) => body.setAttribute("aria-busy", isLong),
      complain: (text) => {
        body.querySelector(".wrong").textContent = text;
        body.querySelector("input, textarea")?.focus();
      },
      thank: () => {
        if (hasFocus()) dialog.focus(); // what has it goes away
        body.replaceChildren(element("p", {}, words.thanks));
        say(words.thanks);
      },
      remove: () => {
        const back = hasFocus() ? cameFrom : null;
        watch.disconnect();
        host.remove();
        if (shown?.host === host) shown = null;
        back?.focus?.({ preventScroll: true });
      },
    };
    const { see, end, answer } = doings(who, action, view);
    const tellShown = () => isVisible && see();

    const heard = element("div", { role: "status", class: "heard" });
    const body = element("div", {},
      element("div", { id: "text" }, ...paragraphs.map((each) => element("p", {}, each))),
      question && asked(question, words, answer),
      element("div", { class: "acts" },
        link && linked(link, words, () => end("clicked")),
        element("button", { class: "quiet", click: () => end("later") }, words.later)));
    const close = element("button", { class: "close", "aria-label": words.close, click: () => end("closed") }, "✕");
    const dialog = element("section", {
      role: "dialog", "aria-labelledby": "title", "aria-describedby": "text", tabindex: -1,
      focusin: ({ relatedTarget }) => { if (!dialog.contains(relatedTarget)) cameFrom = relatedTarget; },
      keydown: ({ key, isComposing }) => key === "Escape" && !isComposing && end("later"),
    }, element("div", { class: "head" }, element("h2", { id: "title" }, title), close), body);
    const watch = new IntersectionObserver(quiet((entries) => {
      isVisible = entries.at(-1).intersectionRatio >= 0.5;
      return tellShown();
    }), { threshold: [0, 0.5] });

    root.append(dialog, heard);
    document.body.append(host);
    watch.observe(dialog);
    say(`${words.notice} ${title}`);
    shown = { id, host, remove: view.remove, tellShown, isAnswering: () => question !== null && hasFocus(), focus: () => dialog.focus() };
  };

  const show = (who, action) => {
    if (shown && over.has(shown.id)) return; // thanks are on the screen
    const next = action && !over.has(action.id) ? action : null;
    if (shown?.host.isConnected && next && (next.id === shown.id || shown.isAnswering())) return; // nothing goes from under the fingers
    const was = shown;
    was?.remove();
    if (next) open(who, next);
    else if (was) livelyAt = now(); // its step is done, so the next one may be there in a moment
  };

  // --- when to look -------------------------------------------------------------------------------------------------

  let timer = 0;
  let isLooking = false;
  let isWanted = false; // somebody asked while an answer was under way, which may be older
  let lookedAt = -Infinity;
  let livelyAt = -Infinity; // when the visitor last did something
  let changedAt = -Infinity; // the first thing he did since the last question
  let restUntil = 0;
  let failures = 0;

  const plan = () => {
    clearTimeout(timer);
    if (visitor === null || document.hidden || isLooking) return;
    const since = now() - livelyAt;
    const [, gap] = (shown ? WITH_POPUP : WITHOUT).find(([until]) => since < until);
    const settled = !shown && changedAt > lookedAt ? changedAt + SETTLE_MS : 0;
    const due = isWanted ? 0 : Math.max(lookedAt + gap, settled);
    const wait = Math.max(due, restUntil) - now();
    if (wait < Infinity) timer = setTimeout(look, Math.max(0, wait) * (1 + 0.2 * Math.random())); // not all pages at once
  };

  const rest = (ms) => {
    restUntil = now() + Math.max(ms, Math.min(REST_MS * 2 ** failures, LONGEST_REST_MS));
    failures += 1;
  };

  const lookOnce = async (signal) => {
    const who = visitor;
    const answer = await ask(who, "v1/next-action", { method: "GET" }, signal);
    if (isRefused(answer)) return rest(REFUSED_MS);
    if (!answer.ok) return rest(Math.min(1000 * (Number(answer.headers.get("Retry-After")) || 0), REFUSED_MS));
    const action = readAction(JSON.parse(await textOf(answer)));
    failures = 0;
    return who === visitor && show(who, action);
  };

  const look = quiet(async () => {
    if (visitor === null || document.hidden) return;
    isWanted = true;
    if (isLooking || now() < restUntil) {
      plan();
      return;
    }
    isLooking = true;
    isWanted = false;
    lookedAt = now();
    await within(LOOK_MS, lookOnce).catch(() => rest(0));
    isLooking = false;
    shown?.tellShown();
    plan();
  });

  /** The visitor did something: what it led to will be known in a moment. */
  const lively = () => {
    livelyAt = now();
    if (changedAt <= lookedAt) changedAt = livelyAt;
    plan();
  };
  const arrive = quiet(() => {
    lively();
    return now() - lookedAt > SETTLE_MS && look();
  });
  for (const each of ["click", "submit", "change"]) {
    document.addEventListener(each, quiet(({ target }) => target !== shown?.host && lively()), { capture: true, passive: true });
  }
  for (const each of ["pageshow", "popstate", "focus"]) window.addEventListener(each, arrive);
  document.addEventListener("visibilitychange", arrive);
  window.navigation?.addEventListener("navigatesuccess", arrive);

  // --- what the page may say ----------------------------------------------------------------------------------------

  const tag = document.currentScript instanceof HTMLScriptElement ? document.currentScript : null; // an image may be named so
  const home = tag?.dataset.api ?? (tag?.src ? new URL(".", tag.src).href : null);

  const stop = () => {
    visitor = null;
    restUntil = failures = 0;
    lookedAt = -Infinity;
    shown?.remove();
    plan();
  };
  const begin = (api, giveToken) => {
    stop();
    visitor = { api: new URL(api.replace(/\/*$/, "/"), document.baseURI), giveToken, token: null };
    return arrive();
  };

  /** A token from an address of the product's own, as a text or as {"token": …}. */
  const fetched = (from) => async (signal) => {
    const url = new URL(from, document.baseURI);
    if (url.origin !== location.origin) throw new Error("not of this product");
    const answer = await fetch(url, { signal, mode: "same-origin", credentials: "same-origin", cache: "no-store" });
    const text = (await textOf(answer)).trim();
    const found = text.startsWith("{") ? JSON.parse(text).token : text;
    if (!answer.ok || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(found)) throw new Error("no token");
    return found;
  };

  const banso = {
    start: quiet(({ token, api = home }) => begin(api, async () => (typeof token === "function" ? token() : token))),
    stop: quiet(stop),
    look: quiet(() => {
      lively();
      return look();
    }),
    focus: quiet(() => shown?.focus()),
  };
  Object.defineProperty(window, "banso", { value: Object.freeze(banso) });

  const begun = quiet(() => {
    const { token, tokenUrl } = tag?.dataset ?? {};
    return tokenUrl ? begin(home, fetched(tokenUrl)) : token && banso.start({ token });
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begun);
  else begun();
})();
