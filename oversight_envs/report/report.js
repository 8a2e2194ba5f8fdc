"use strict";
// A text that others wrote becomes a text node or an attribute's value, and nothing else. No markup is ever parsed.

const fragment = (part, points) =>
  typeof part === "string" ? part
  : typeof part[0] === "number" ? points.slice(part[0], part[1]).join("")
  : part.map(piece => fragment(piece, points)).join("");

function build(node, points) {
  if (typeof node === "string" || typeof node[0] === "number") return document.createTextNode(fragment(node, points));
  const [tag, attributes, ...children] = node;
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, fragment(value, points));
  made.append(...children.map(child => build(child, points)));
  return made;
}

// What players wrote, and not the passage, of which a node holds places only.
const words = node =>
  typeof node === "string" ? node
  : typeof node[0] === "number" ? " "
  : node.slice(2).map(words).join(" ");

async function unpack(block) {
  const bytes = Uint8Array.from(atob(block.textContent), letter => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// A long list in blocks. The last blocks that were opened are kept.
class Packed {
  constructor(section, kind) {
    this.blocks = [...section.querySelectorAll(`script[data-kind="${kind}"]`)];
    this.starts = this.blocks.map(block => Number(block.dataset.start));
    this.open = new Map();
  }
  values(place) {
    if (!this.open.has(place)) {
      if (this.open.size >= 30) this.open.delete(this.open.keys().next().value);
      this.open.set(place, unpack(this.blocks[place]));
    }
    return this.open.get(place);
  }
  async get(number) {
    let place = this.starts.length - 1;
    while (this.starts[place] > number) place--;
    return (await this.values(place))[number - this.starts[place]];
  }
}

class Transcripts {
  constructor(section) {
    const find = name => section.querySelector(name);
    this.perPage = Number(section.dataset.page);
    this.count = Number(section.dataset.count);
    this.prefix = `e${section.dataset.number}-`;
    this.list = find(".articles");
    this.told = find("nav.filters output");
    this.pages = [...section.querySelectorAll("nav.pages")];
    this.buttons = [...section.querySelectorAll("button[data-show]")];
    this.sort = find("select");
    this.search = find("input[type=search]");
    this.least = find("input[name=least]");
    this.most = find("input[name=most]");
    this.episodes = new Packed(section, "episodes");
    this.passages = new Packed(section, "passages");
    this.indexes = new Packed(section, "index");
    this.found = [...Array(this.count).keys()];
    this.page = 0;
    this.asked = this.turned = 0;
    for (const button of this.buttons) button.addEventListener("click", () => this.press(button));
    for (const field of [this.sort, this.least, this.most]) field.addEventListener("change", () => this.choose());
    let waiting;
    this.search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.choose(), 250);
    });
    for (const nav of this.pages) {
      const [before, after] = nav.querySelectorAll("button");
      before.addEventListener("click", () => this.turn(this.page - 1));
      after.addEventListener("click", () => this.turn(this.page + 1));
    }
    this.tell();
  }

  press(button) {
    const every = button.dataset.show === "all";
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const other of this.buttons) {
      const all = other.dataset.show === "all";
      if (every) other.setAttribute("aria-pressed", all);
      else if (other === button) other.setAttribute("aria-pressed", on);
    }
    const some = this.buttons.some(b => b.dataset.show !== "all" && b.getAttribute("aria-pressed") === "true");
    this.buttons[0].setAttribute("aria-pressed", !some);
    this.choose();
  }

  // The numbers of the transcripts that all buttons, fields and the search let through, in the chosen order.
  async choose() {
    const asked = ++this.asked;
    const index = await this.indexes.get(0);
    const wanted = this.buttons.filter(b => b.getAttribute("aria-pressed") === "true").map(b => b.dataset.show);
    const tags = wanted.filter(tag => tag !== "all");
    const least = this.least.value === "" ? 0 : Number(this.least.value);
    const most = this.most.value === "" ? Infinity : Number(this.most.value);
    let found = [...Array(this.count).keys()].filter(number => {
      const own = index.tags[number].split(" ");
      return tags.every(tag => own.includes(tag)) && index.words[number] >= least && index.words[number] <= most;
    });
    if (this.search.value.trim()) found = await this.matching(found, this.search.value.trim().toLowerCase(), asked);
    if (asked !== this.asked) return;
    if (this.sort.value) {
      const [key, way] = this.sort.value.split(" ");
      const sign = way === "up" ? 1 : -1;
      const value = number => index[key][number];
      const known = found.filter(number => value(number) !== null);
      known.sort((a, b) => sign * (value(a) - value(b)) || a - b);
      found = [...known, ...found.filter(number => value(number) === null)];
    }
    this.found = found;
    await this.turn(0);
  }

  async matching(numbers, text, asked) {
    const among = new Set(numbers);
    const found = [];
    for (let place = 0; place < this.episodes.blocks.length; place++) {
      if (asked !== this.asked) return [];
      const start = this.episodes.starts[place];
      const values = await unpack(this.episodes.blocks[place]);
      values.forEach(([, node], at) => {
        if (among.has(start + at) && words(node).toLowerCase().includes(text)) found.push(start + at);
      });
      this.told.textContent = `searching: ${Math.round(100 * (place + 1) / this.episodes.blocks.length)}%`;
    }
    return found;
  }

  async turn(page) {
    const turned = ++this.turned;
    const numbers = this.found.slice(page * this.perPage, (page + 1) * this.perPage);
    const articles = await Promise.all(numbers.map(async number => {
      const [passage, node] = await this.episodes.get(number);
      return build(node, passage === null ? [] : [...await this.passages.get(passage)]);
    }));
    if (turned !== this.turned) return;
    this.page = page;
    this.list.replaceChildren(...articles);
    this.tell();
  }

  tell() {
    const first = this.page * this.perPage;
    const last = Math.min(first + this.perPage, this.found.length);
    const of = this.found.length === this.count ? `${this.count}` : `${this.found.length} found, of ${this.count}`;
    this.told.textContent = last ? `${first + 1} to ${last} of ${of}` : `0 found, of ${this.count}`;
    for (const nav of this.pages) {
      const [before, after] = nav.querySelectorAll("button");
      nav.hidden = this.found.length <= this.perPage;
      before.disabled = this.page === 0;
      after.disabled = last >= this.found.length;
    }
  }

  // Shows the transcript with this number; all of them again where the filters leave it out.
  async show(number) {
    if (!this.found.includes(number)) {
      this.asked++;
      this.sort.value = this.search.value = this.least.value = this.most.value = "";
      for (const button of this.buttons) button.setAttribute("aria-pressed", button.dataset.show === "all");
      this.found = [...Array(this.count).keys()];
    }
    const page = Math.floor(this.found.indexOf(number) / this.perPage);
    const id = this.prefix + (number + 1);
    if (page !== this.page || !document.getElementById(id)) await this.turn(page);
    const article = document.getElementById(id);
    article?.scrollIntoView();
    article?.focus({ preventScroll: true });
  }
}

const sections = [...document.querySelectorAll("section[data-number]")].map(section => new Transcripts(section));

function follow() {
  const match = /^#e(\d+)-(\d+)$/.exec(location.hash);
  const section = match && sections.find(one => one.prefix === `e${match[1]}-`);
  const number = match && Number(match[2]) - 1;
  if (section && number < section.count) section.show(number);
}
addEventListener("hashchange", follow);
follow();
