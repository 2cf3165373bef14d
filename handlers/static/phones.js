// The simulated phones page: draws what the hub tells over one websocket, and sends it what a person does.
// Every word from outside goes into the page as text, never as markup.

import { measure, stranger } from "./segments.js";

const MOST_BUBBLES = 200;
const MOST_FACTS = 100;
const SLOW_REPORTS = 600;
const QUICK_REPORTS = 2;
const CODE = /\b[ABCDEFGHJKMNPQRTUVWXY]\d{2,3}\b/g;
const CHOICE = /(?:^|\s)(\d) = /g;
const QUESTIONS = ["How do I ask my boss for a raise?", "My boss takes credit for my reports. Do I say something?"];
const COMMANDS = {
  mentee: ["MENU", "MORE", "DONE", "STOP"],
  mentor: ["PASS", "MENU", "STOP"],
  operator: ["OP STATUS", "OP WAITING", "MENU"],
};
const DELIVERY = {
  received: ["✓✓", "Delivered"],
  queued: ["…", "Queued"],
  sent: ["✓", "Sent"],
  delivered: ["✓✓", "Delivered"],
  undelivered: ["!", "Undelivered"],
  failed: ["!", "Failed"],
};
const CARRIER_CODES = {
  20503: "carrier down",
  21610: "opted out",
  30003: "switched off",
  30005: "unknown number",
  30006: "landline",
  30007: "filtered",
  30008: "unknown error",
};
const CONDITIONS = { paused: "paused", opted_out: "opted out", suspended: "suspended", banned: "banned", erased: "erased" };
const DUE = [
  [/^text$/, (about) => `a text goes to ${about}`],
  [/^report$/, () => "a delivery report comes in"],
  [/^request\.gathered$/, (about) => `${about || "the question"} goes out to mentors`],
  [/^request\.next$/, (about) => `more mentors are asked about ${about}`],
  [/^request\.note/, (about) => `the mentee of ${about} hears how it stands`],
  [/^request\.expire$/, (about) => `time is up for ${about}`],
  [/^request\.checkin$/, (about) => `the mentee of ${about} is asked whether it was tried`],
  [/^offer\.silent$/, (about) => `an offer of ${about} counts as unanswered`],
  [/^code\.free$/, (about) => `the code ${about} becomes free`],
  [/^request\.release$/, (about) => `the place kept for an outside view on ${about} is free for all`],
  [/^prompt\.expire$/, (about) => `what we asked ${about} lapses`],
  [/^member\.back$/, (about) => `${about} comes back from a pause`],
  [/^crisis\.page$/, (about) => `the operator is paged again about ${about}`],
  [/^report\.early$/, () => "an early delivery report is forgotten"],
];

const $ = (id) => document.getElementById(id);
const stage = $("stage");
const phones = new Map(); // number -> its element and what it shows
const opened = new Set(); // keys of the details that a person has opened or shut, as `key:open`
const state = { people: [], clock: { now: new Date().toISOString(), zone: "UTC", speed: 0 }, due: [], facts: [], pool: [] };
let socket = null;
let retry = 500;
let current = "";
let started = false;

// Small helpers

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

// Words of people, which may run from right to left.
function said(className, words) {
  const element = make("p", className, words);
  element.dir = "auto";
  return element;
}

function formatter(zone, options) {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone || state.clock.zone, ...options });
  } catch {
    return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  }
}

const hm = (at, zone) => formatter(zone, { hour: "2-digit", minute: "2-digit" }).format(new Date(at));
const hms = (at) => formatter("", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(at));
const dayOf = (at, zone) => formatter(zone, { weekday: "short", day: "numeric", month: "long" }).format(new Date(at));
const city = (zone) => (zone.split("/").pop() || zone).replaceAll("_", " ");
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const coded = (code) => (CARRIER_CODES[code] ? `${code} ${CARRIER_CODES[code]}` : String(code));
const isNarrow = () => matchMedia("(max-width: 899px)").matches;

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 1) return "now";
  if (s < 90) return `in ${s} s`;
  if (s < 5400) return `in ${Math.round(s / 60)} min`;
  if (s < 129600) return `in ${Math.round(s / 3600)} h`;
  return `in ${Math.round(s / 86400)} days`;
}

// The line to the hub

function connect() {
  const url = new URL("phones/live", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    retry = 500;
    connection("open", "Live");
  });
  socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  socket.addEventListener("close", () => {
    connection("lost", "Connection lost, trying again");
    setTimeout(connect, retry);
    retry = Math.min(retry * 2, 10000);
  });
}

function connection(name, words) {
  $("connection").dataset.state = name;
  $("connection").textContent = words;
}

function ask(what, more = {}) {
  $("problem").hidden = true;
  if (socket && socket.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ do: what, ...more }));
    return true;
  }
  problem("Not connected at the moment. Try again when it says Live.");
  return false;
}

let problemTimer = 0;
function problem(words) {
  $("problem").textContent = words;
  $("problem").hidden = false;
  clearTimeout(problemTimer);
  problemTimer = setTimeout(() => ($("problem").hidden = true), 8000);
}

function hear(message) {
  if (message.type === "error") return problem(message.message);
  if (message.type === "pool") {
    state.pool = message.pool;
    return drawPool();
  }
  const whole = message.type === "snapshot";
  if (whole) forgetAll();
  if (message.clock) drawClock(message.clock);
  if (message.people) drawPeople(message.people);
  for (const [phone, bubbles] of Object.entries(message.threads ?? {})) fillThread(phone, bubbles, whole);
  for (const bubble of message.bubbles ?? []) showBubble(bubble);
  if (message.facts) drawFacts(message.facts);
  if (message.requests) drawRequests(message.requests);
  if (message.outbox) drawOutbox(message.outbox);
  if (message.faults) drawFaults(message.faults);
  if (message.due) state.due = message.due;
  drawDue();
  if (whole && !started) {
    started = true;
    $("hint").open = [...phones.values()].every((phone) => phone.bubbles.size === 0);
  }
}

// After a lost connection everything comes again; drafts in the boxes stay.
function forgetAll() {
  state.facts = [];
  for (const phone of phones.values()) {
    phone.bubbles.clear();
    phone.list.replaceChildren();
    phone.lastDay = "";
  }
}

// The clock

function drawClock(clock) {
  const zoneChanged = clock.zone !== state.clock.zone;
  state.clock = clock;
  $("now").textContent = hms(clock.now);
  $("now").dateTime = clock.now;
  $("day").textContent = `${dayOf(clock.now)}, ${city(clock.zone)} time`;
  for (const button of document.querySelectorAll("[data-speed]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === clock.speed));
  }
  for (const phone of phones.values()) drawLocal(phone);
  if (zoneChanged) for (const phone of phones.values()) phone.lastDay = "";
}

function drawLocal(phone) {
  phone.local.textContent = hm(state.clock.now, phone.zone);
  phone.local.dateTime = state.clock.now;
}

function drawDue() {
  const first = state.due[0];
  if (!first) {
    $("due").textContent = "Nothing is due: the next thing happens when somebody texts.";
    return;
  }
  const words = DUE.find(([kind]) => kind.test(first.kind));
  const what = words ? words[1](first.about) : `${first.kind.replaceAll(/[._]/g, " ")} ${first.about}`.trim();
  const wait = span((new Date(first.at) - new Date(state.clock.now)) / 1000);
  $("due").textContent = `Next, ${wait}: ${what}`;
}

// The first steps of somebody who is new here

const answered = new Set(); // mentors' phones that have texted

function done(step) {
  const steps = [...$("hint").querySelectorAll("li")];
  if (steps[step].classList.contains("done")) return;
  steps[step].classList.add("done");
  if (steps.every((one) => one.classList.contains("done"))) $("hint").open = false;
}

// Phones

function drawPeople(people) {
  state.people = people;
  const here = new Set(people.map((person) => person.phone));
  for (const [number, phone] of phones) {
    if (here.has(number)) continue;
    sight.unobserve(phone.element);
    room.unobserve(phone.log);
    phone.element.remove();
    phone.tab.parentElement.remove();
    phones.delete(number);
  }
  let place = stage.firstElementChild;
  for (const person of people) {
    const phone = phones.get(person.phone) ?? newPhone(person.phone);
    drawPerson(phone, person);
    if (phone.element !== place) moveBefore(phone, place);
    else place = place.nextElementSibling;
  }
  if (!phones.has(current) && current !== "record" && people.length) choose(people[0].phone);
  $("ghost").hidden = phones.size > 2;
  markCurrent();
}

function moveBefore(phone, place) {
  const top = phone.log.scrollTop;
  const next = place?.dataset.phone ? phones.get(place.dataset.phone).tab.parentElement : null;
  stage.insertBefore(phone.element, place);
  $("tabs").insertBefore(phone.tab.parentElement, next);
  phone.log.scrollTop = top;
}

const sight = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const phone = phones.get(entry.target.dataset.phone);
      if (!phone) continue;
      phone.visible = entry.isIntersecting;
      if (phone.visible) unread(phone, 0);
    }
  },
  { root: stage, threshold: 0.5 },
);

// What was read to its end stays so when its room shrinks: a longer line in the bar above, a keyboard, a turned phone.
const room = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const phone = phones.get(target.closest("[data-phone]")?.dataset.phone);
    if (!phone) continue;
    phone.height = target.clientHeight;
    if (phone.atEnd) target.scrollTop = target.scrollHeight;
  }
});

// A frame tells of scrolling before it tells of a new size: in a room that has just shrunk the end of the texts is out
// of sight, and nobody has moved away from it.
function scrolled(phone) {
  if (phone.log.clientHeight === phone.height) phone.atEnd = isAtEnd(phone.log);
}

function isAtEnd(log) {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
}

function newPhone(number) {
  const element = $("phone-template").content.firstElementChild.cloneNode(true);
  const part = (selector) => element.querySelector(selector);
  const phone = {
    number,
    element,
    person: {},
    zone: "",
    bubbles: new Map(),
    lastDay: "",
    unread: 0,
    visible: false,
    atEnd: true,
    height: 0,
    list: part(".log ol"),
    log: part(".log"),
    local: part(".local"),
    box: part("textarea"),
    tab: make("button", "tab"),
  };
  element.dataset.phone = number;
  phone.log.addEventListener("scroll", () => scrolled(phone));
  room.observe(phone.log);
  phone.tab.type = "button";
  phone.tab.append(make("span", "face"), make("span", "name"), make("span", "count"));
  phone.tab.addEventListener("click", () => {
    choose(number);
    element.scrollIntoView({ inline: "center", block: "nearest", behavior: calm() });
    if (!isNarrow()) phone.box.focus({ preventScroll: true });
  });
  const item = make("li");
  item.append(phone.tab);
  $("tabs").append(item);

  part(".number").textContent = `Number ${number}`;
  const more = part(".more");
  more.addEventListener("click", () => {
    const drawer = part(".drawer");
    drawer.hidden = !drawer.hidden;
    more.setAttribute("aria-expanded", String(!drawer.hidden));
  });
  for (const select of element.querySelectorAll("select")) {
    select.addEventListener("change", () => ask("fault", { name: select.name, phone: number, code: Number(select.value) }));
  }
  part(".away").addEventListener("click", () => ask("close", { phone: number }));

  const compose = part(".compose");
  compose.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = phone.box.value;
    if (body.trim() && ask("text", { phone: number, body })) {
      phone.box.value = "";
      drawCounter(phone);
      if (phone.person.role === "mentor") answered.add(number);
      else if (phone.person.role === "mentee") done(0);
      if (answered.size > 1) done(2);
    }
    phone.box.focus();
  });
  phone.box.addEventListener("input", () => drawCounter(phone));
  element.addEventListener("focusin", () => {
    if (current !== number) choose(number);
  });
  phone.box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      compose.requestSubmit();
    }
  });
  $("ghost").before(element);
  sight.observe(element);
  phones.set(number, phone);
  drawCounter(phone);
  return phone;
}

const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

function drawPerson(phone, person) {
  if (JSON.stringify(person) === JSON.stringify(phone.person)) return;
  const moved = phone.zone !== person.zone;
  phone.person = person;
  phone.zone = person.zone;
  const part = (selector) => phone.element.querySelector(selector);
  phone.element.dataset.role = person.role;
  phone.element.setAttribute("aria-label", `${person.name}'s phone`);
  part("h2").textContent = person.name;
  part(".face").textContent = person.name.slice(0, 1).toUpperCase();
  const known = [person.about || person.role, CONDITIONS[person.state]].filter(Boolean);
  part(".about").textContent = known.join(" · ");
  part(".where").textContent = city(person.zone || state.clock.zone);
  part(".more").setAttribute("aria-label", `Number and faults of ${person.name}'s phone`);
  part(".log").setAttribute("aria-label", `Texts on ${person.name}'s phone`);
  part(".chips").setAttribute("aria-label", `Quick texts for ${person.name}`);
  phone.box.setAttribute("aria-label", `Text from ${person.name}`);
  part("[name=refused]").value = String(person.refused);
  part("[name=undelivered]").value = String(person.undelivered);
  const notices = [];
  if (person.blocked) notices.push("The carrier blocks our texts after an opt-out. START lifts it.");
  if (person.refused) notices.push(`The carrier refuses texts to it: ${coded(person.refused)}.`);
  if (person.undelivered) notices.push(`Texts to it do not arrive: ${coded(person.undelivered)}.`);
  part(".notice").textContent = notices.join(" ");
  part(".notice").hidden = !notices.length;
  phone.tab.dataset.role = person.role;
  phone.tab.querySelector(".face").textContent = person.name.slice(0, 1).toUpperCase();
  phone.tab.querySelector(".name").textContent = person.name;
  unread(phone, phone.unread);
  drawLocal(phone);
  drawChips(phone);
  if (moved && phone.bubbles.size) fillThread(phone.number, [...phone.bubbles.values()].map((kept) => kept.bubble), true);
}

function choose(which) {
  current = which;
  markCurrent();
}

function markCurrent() {
  document.body.dataset.view = current === "record" ? "record" : "phones";
  for (const phone of phones.values()) {
    const is = phone.number === current;
    phone.element.toggleAttribute("data-current", is);
    if (is) phone.tab.setAttribute("aria-current", "true");
    else phone.tab.removeAttribute("aria-current");
  }
  const record = $("tab-record");
  if (current === "record") record.setAttribute("aria-current", "true");
  else record.removeAttribute("aria-current");
  const phone = phones.get(current);
  if (phone && isNarrow()) phone.log.scrollTop = phone.log.scrollHeight;
}

function unread(phone, count) {
  phone.unread = count;
  phone.tab.querySelector(".count").textContent = count ? String(count) : "";
  const name = phone.person.name ?? "";
  phone.tab.setAttribute("aria-label", count ? `${name}, ${plural(count, "new text")}` : name);
}

// Threads

function fillThread(number, bubbles, quietly) {
  const phone = phones.get(number);
  if (!phone) return;
  phone.bubbles.clear();
  phone.list.replaceChildren();
  phone.lastDay = "";
  for (const bubble of bubbles) showBubble(bubble, true);
  const news = bubbles.filter((bubble) => !bubble.from_phone).length;
  if (quietly || !news) return;
  unread(phone, news);
  ring(phone);
}

function showBubble(bubble, quietly = false) {
  const phone = phones.get(bubble.phone);
  if (!phone) return;
  const kept = phone.bubbles.get(bubble.id);
  if (kept) {
    kept.bubble = bubble;
    drawMeta(kept.meta, bubble, phone);
    return;
  }
  const atEnd = isAtEnd(phone.log);
  const day = dayOf(bubble.at, phone.zone);
  if (day !== phone.lastDay) {
    phone.lastDay = day;
    phone.list.append(make("li", "day", day));
  }
  const item = make("li", bubble.from_phone ? "bubble own" : "bubble");
  if (!quietly) item.classList.add("fresh");
  const meta = make("p", "meta");
  item.append(make("span", "unseen", bubble.from_phone ? "Sent: " : "Received: "), said("body", bubble.body), meta);
  drawMeta(meta, bubble, phone);
  phone.list.append(item);
  phone.bubbles.set(bubble.id, { bubble, item, meta });
  if (phone.bubbles.size > MOST_BUBBLES) {
    const [oldest, { item: first }] = phone.bubbles.entries().next().value;
    first.remove();
    phone.bubbles.delete(oldest);
  }
  if (atEnd || bubble.from_phone) phone.log.scrollTop = phone.log.scrollHeight;
  if (!bubble.from_phone && !quietly) {
    if (phone.person.role === "mentor") done(1);
    // What has just been left is said to be out of sight only later.
    if (!phone.visible || !phone.element.checkVisibility()) unread(phone, phone.unread + 1);
    ring(phone);
  }
  drawChips(phone);
}

function drawMeta(meta, bubble, phone) {
  const [mark, word] = DELIVERY[bubble.status] ?? ["", bubble.status];
  const failed = mark === "!";
  const delivery = make("span", failed ? "delivery failed" : "delivery");
  const sign = make("span", "", mark);
  sign.setAttribute("aria-hidden", "true");
  delivery.append(sign, ` ${word}${bubble.code ? ` ${coded(bubble.code)}` : ""}`);
  const time = make("time", "", hm(bubble.at, phone.zone));
  time.dateTime = bubble.at;
  const size = make("span", "", `${bubble.segments} seg · ${bubble.encoding}`);
  size.title = `billed as ${plural(bubble.segments, "segment")}`;
  meta.replaceChildren(time, " ", delivery, " · ", size);
}

function ring(phone) {
  for (const element of [phone.element, phone.tab]) {
    element.classList.remove("ringing");
    void element.offsetWidth; // so that the animation begins again
    element.classList.add("ringing");
  }
}

// The box to type in

function drawCounter(phone) {
  const text = phone.box.value;
  const counter = phone.element.querySelector(".counter");
  const { encoding, segments, used, room } = measure(text);
  const odd = stranger(text);
  counter.textContent = `${used}/${room} · ${plural(segments, "segment")} · ${encoding}${odd ? ` because of ${odd}` : ""}`;
  counter.classList.toggle("costly", segments > 1 || encoding !== "GSM-7");
  phone.box.rows = Math.min(5, Math.max(1, Math.ceil(text.length / 28), text.split("\n").length));
}

function drawChips(phone) {
  const bar = phone.element.querySelector(".chips");
  const texts = [...phone.bubbles.values()].map((kept) => kept.bubble);
  const last = texts.findLast((bubble) => !bubble.from_phone);
  const wanted = [];
  if (phone.person.blocked || phone.person.state === "opted_out") wanted.push(["START", true]);
  else {
    if (!texts.length && phone.person.role === "mentee") wanted.push(...QUESTIONS.map((q) => [q, false]));
    if (last && last === texts.at(-1)) wanted.push(...[...last.body.matchAll(CHOICE)].map((found) => [found[1], true]));
    const codes = texts.findLast((bubble) => !bubble.from_phone && bubble.body.match(CODE))?.body.match(CODE);
    if (phone.person.role === "mentor" && codes) wanted.push([`${codes.at(0)} `, false]);
    if (texts.length || phone.person.role !== "mentee") wanted.push(...(COMMANDS[phone.person.role] ?? []).map((c) => [c, true]));
  }
  const key = JSON.stringify(wanted);
  if (bar.dataset.key === key) return;
  const held = bar.contains(document.activeElement) ? document.activeElement.textContent : "";
  bar.dataset.key = key;
  bar.replaceChildren(...wanted.map(([text, sends]) => chip(phone, text, sends)));
  if (held) ([...bar.children].find((c) => c.textContent === held) ?? phone.box).focus();
}

function chip(phone, text, sends) {
  const button = make("button", sends ? "chip" : "chip fill", text.trim());
  button.type = "button";
  button.title = sends ? `Send ${text}` : "Put it into the box";
  button.addEventListener("click", () => {
    if (sends) return void ask("text", { phone: phone.number, body: text });
    phone.box.value = text;
    drawCounter(phone);
    phone.box.focus();
  });
  return button;
}

// What the service recorded

function redraw(page, ...children) {
  const held = page.contains(document.activeElement) ? document.activeElement.dataset.key : "";
  const top = page.scrollTop;
  page.replaceChildren(...children);
  page.scrollTop = top;
  if (held) page.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus();
}

function fold(key, title, openAtFirst) {
  const details = make("details");
  const summary = make("summary", "", title);
  summary.dataset.key = key;
  details.append(summary);
  details.open = opened.has(`${key}:true`) || (openAtFirst && !opened.has(`${key}:false`));
  details.addEventListener("toggle", () => {
    opened.delete(`${key}:${!details.open}`);
    opened.add(`${key}:${details.open}`);
  });
  return details;
}

function drawRequests(requests) {
  const open = requests.filter((request) => request.status !== "closed").length;
  label("requests", "Requests", open);
  const nothing = make("p", "quiet", "No request yet. A mentee's first text opens one.");
  redraw($("page-requests"), ...(requests.length ? requests.map(requestCard) : [nothing]));
}

function requestCard(request, index) {
  const card = make("article", "card");
  const head = make("h3");
  const status = request.waiting ? "waiting for a mentor" : request.status;
  head.append(make("b", "code", request.code || "draft"), make("span", `status ${request.status}`, status));
  if (request.reason) head.append(make("span", "quiet", request.reason));
  card.append(head, said("question", request.question));
  const from = [`from ${request.mentee}`, `at ${hm(request.opened)}`, request.topics.join(", ")];
  card.append(make("p", "quiet", from.filter(Boolean).join(" · ")));

  const places = make("ul", "places");
  places.setAttribute("aria-label", "Places");
  for (const answer of request.answers) {
    const filled = make("li", "filled");
    const rated = answer.rating ? `, rated ${answer.rating}` : "";
    filled.append(make("b", "", answer.letter), ` ${answer.name}${answer.outside ? " (outside)" : ""}${rated}`);
    places.append(filled);
  }
  const free = Math.max(0, request.places - request.answers.length);
  if (free && request.status !== "closed") places.append(make("li", "free", plural(free, "free place")));
  card.append(places);

  request.waves.forEach((wave, at) => card.append(waveFold(request, wave, index === 0 && at === request.waves.length - 1)));
  return card;
}

function waveFold(request, wave, openAtFirst) {
  const taken = wave.considered.filter((one) => one.taken).length;
  const details = fold(`${request.code}:${wave.number}`, `Wave ${wave.number}, ${hm(wave.at)}: ${taken} asked`, openAtFirst);
  const list = make("ul", "considered");
  for (const one of wave.considered) {
    const item = make("li", one.taken ? "taken" : "");
    const offer = one.taken ? request.offers.find((made) => made.name === one.name) : null;
    item.append(make("b", "", one.name), make("span", `status ${offer?.status ?? ""}`, offer ? offer.status : "not asked"));
    item.append(make("span", "why", [one.reason, one.detail].filter(Boolean).join(": ")));
    list.append(item);
  }
  if (wave.more) list.append(make("li", "quiet", `and ${wave.more} more, not asked`));
  details.append(list);
  return details;
}

function drawFacts(news) {
  state.facts = [...news.toReversed(), ...state.facts].slice(0, MOST_FACTS);
  const list = make("ol", "facts");
  for (const fact of state.facts) {
    const item = make("li");
    item.dataset.family = fact.fact.split(".")[0];
    const time = make("time", "", hms(fact.at));
    time.dateTime = fact.at;
    item.append(time, make("b", "", fact.fact));
    const data = make("span", "data");
    for (const [key, value] of fact.data) data.append(make("i", "", key), ` ${value} `);
    item.append(data);
    list.append(item);
  }
  const nothing = make("p", "quiet", "Nothing has happened yet.");
  redraw($("page-facts"), state.facts.length ? list : nothing);
}

function drawOutbox(outbox) {
  label("outbox", "Outbox", outbox.waiting.length);
  const parts = [make("h3", "", outbox.waiting.length ? "Waiting to go out" : "Nothing waits to go out")];
  if (outbox.waiting.length) parts.push(outList(outbox.waiting, true));
  if (outbox.recent.length) parts.push(make("h3", "", "Gone out, newest first"), outList(outbox.recent, false));
  redraw($("page-outbox"), ...parts);
}

function outList(rows, waiting) {
  const list = make("ul", "outbox");
  for (const row of rows) {
    const item = make("li");
    const about = [plural(row.segments, "segment")];
    if (waiting) about.push(`not before ${hms(row.not_before)}`);
    else about.push(`at ${hms(row.at)}`);
    if (row.attempts > 1 || (waiting && row.attempts)) about.push(`tried ${plural(row.attempts, "time")}`);
    if (row.unsure) about.push("outcome unknown");
    const status = row.code ? `${row.status} ${coded(row.code)}` : row.status;
    item.append(make("b", "", row.to), make("span", `status ${row.status}`, status));
    item.append(make("code", "", row.text_id), make("span", "quiet", about.join(" · ")));
    list.append(item);
  }
  return list;
}

function drawFaults(faults) {
  const on = { ...faults, receipt_delay: faults.receipt_delay >= SLOW_REPORTS };
  for (const box of document.querySelectorAll("[data-fault]")) box.checked = Boolean(on[box.dataset.fault]);
  label("carrier", "Carrier", Object.values(on).filter(Boolean).length);
}

function label(page, words, count) {
  const tab = $(`tab-${page}`);
  tab.replaceChildren(words);
  if (count) tab.append(" ", make("span", "count", String(count)));
}

// The list of mentors

function drawPool() {
  const wanted = $("find").value.trim().toLowerCase();
  const here = new Set(phones.keys());
  const found = state.pool.filter((mentor) => {
    const words = `${mentor.name} ${mentor.about} ${mentor.topics.join(" ")}`.toLowerCase();
    return !here.has(mentor.phone) && words.includes(wanted);
  });
  const items = found.slice(0, 40).map((mentor) => {
    const button = make("button", "mentor");
    button.type = "button";
    button.append(make("b", "", mentor.name), make("span", "quiet", [mentor.about, mentor.topics.join(", ")].filter(Boolean).join(" · ")));
    button.addEventListener("click", () => {
      ask("open", { phone: mentor.phone });
      choose(mentor.phone);
      $("adding").close();
    });
    const item = make("li");
    item.append(button);
    return item;
  });
  $("pool").replaceChildren(...(items.length ? items : [make("li", "quiet", "No mentor found.")]));
}

// What a person does outside the phones

for (const button of document.querySelectorAll("[data-speed]")) {
  button.addEventListener("click", () => ask("play", { speed: Number(button.dataset.speed) }));
}
for (const button of document.querySelectorAll("[data-wait]")) {
  button.addEventListener("click", () => ask("wait", { seconds: Number(button.dataset.wait) }));
}
$("next").addEventListener("click", () => ask("next"));
$("again").addEventListener("click", () => ask("again"));
for (const box of document.querySelectorAll("[data-fault]")) {
  box.addEventListener("change", () => {
    const delay = box.dataset.fault === "receipt_delay";
    ask("fault", { name: box.dataset.fault, ...(delay ? { seconds: box.checked ? SLOW_REPORTS : QUICK_REPORTS } : { on: box.checked }) });
  });
}
$("add").addEventListener("click", () => {
  ask("pool");
  $("adding").showModal();
});
$("new").addEventListener("click", () => {
  ask("new");
  $("adding").close();
});
$("find").addEventListener("input", drawPool);
$("tab-record").addEventListener("click", () => choose("record"));

const tabs = [...document.querySelectorAll("[role=tab]")];
function turnTo(tab) {
  for (const one of tabs) {
    const is = one === tab;
    one.setAttribute("aria-selected", String(is));
    one.tabIndex = is ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = !is;
  }
}
for (const tab of tabs) {
  tab.addEventListener("click", () => turnTo(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const other = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    turnTo(other);
    other.focus();
  });
}

connect();
