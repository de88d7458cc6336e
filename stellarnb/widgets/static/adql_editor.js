// An editor for ADQL: a textarea whose letters are seen through to a coloured layer below it.

const KEYWORDS = new Set(`all and any as asc between by case cross desc distinct else end escape
except exists false from full group having ilike in inner intersect is join left like limit natural
not null offset on or order outer right select then top true union using when where with`.split(/\s+/));
const FUNCTIONS = new Set(`abs acos area asin atan atan2 avg box cast cbrt ceiling centroid circle
coalesce contains cos cot count degrees distance exp floor intersects log log10 lower max min mod
pi point polygon power radians rand round sign sin sqrt substring sum tan truncate upper`.split(/\s+/));
const TOKEN = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$))|("(?:[^"]|"")*(?:"|$))|(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|([A-Za-z_]\w*)|(\s+|[^\w\s])/gi;
const MOST = 60;

function kindOf(match, known) {
  if (match[1]) return "comment";
  if (match[2]) return match[2].length > 1 && match[2].endsWith("'") ? "string" : "open";
  if (match[3]) return match[3].length > 1 && match[3].endsWith('"') ? "name" : "open";
  if (match[4]) return "number";
  if (!match[5]) return "";
  const word = match[5].toLowerCase();
  if (KEYWORDS.has(word)) return "keyword";
  if (FUNCTIONS.has(word)) return "function";
  return known.has(word) ? "name" : "";
}

// Pieces of the text with a class each; text goes in as text, never as markup.
export function pieces(text, known) {
  const out = [];
  let last = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > last) out.push([text.slice(last, match.index), ""]);
    out.push([match[0], kindOf(match, known)]);
    last = match.index + match[0].length;
  }
  if (last < text.length) out.push([text.slice(last), ""]);
  return out;
}

function paint(layer, text, known, error) {
  layer.replaceChildren();
  const marked = error && error.start !== null && error.start !== undefined;
  let at = 0;
  const add = (words, kind, wrong) => {
    if (!words) return;
    if (!kind && !wrong) return layer.append(words);
    const span = document.createElement("span");
    span.className = [kind && `stellarnb-adql-${kind}`, wrong && "stellarnb-adql-wrong"]
      .filter(Boolean).join(" ");
    span.textContent = words;
    layer.append(span);
  };
  for (const [words, kind] of pieces(text, known)) {
    if (!marked) add(words, kind, false);
    else {
      const from = Math.min(Math.max(error.start - at, 0), words.length);
      const to = Math.min(Math.max(error.end - at, 0), words.length);
      add(words.slice(0, from), kind, false);
      add(words.slice(from, to), kind, true);
      add(words.slice(to), kind, false);
    }
    at += words.length;
  }
  if (marked && error.start >= text.length) add(" ", "", true);
  layer.append("\n"); // a last empty line has its height too
}

// The word before the caret, with dots and an open double quote.
function wordBefore(text, caret) {
  const match = /(?:"[^"\n]*|[\w.]+)$/.exec(text.slice(0, caret));
  return match ? match[0] : "";
}

function render({ model, el }) {
  // Each view loads this module anew, so a counter would begin at 1 each time.
  const id = `stellarnb-adql-${Math.random().toString(36).slice(2)}`;
  const root = document.createElement("div");
  root.className = "stellarnb-adql";
  const label = document.createElement("label");
  label.className = "stellarnb-adql-label";
  label.htmlFor = `${id}-text`;
  const frame = document.createElement("div");
  frame.className = "stellarnb-adql-frame";
  const layer = document.createElement("pre");
  layer.setAttribute("aria-hidden", "true");
  const area = document.createElement("textarea");
  area.id = `${id}-text`;
  area.spellcheck = false;
  area.autocapitalize = "off";
  area.autocomplete = "off";
  area.setAttribute("autocorrect", "off");
  area.setAttribute("wrap", "soft");
  // Else JupyterLab would take keys for its own commands.
  area.setAttribute("data-lm-suppress-shortcuts", "true");
  area.setAttribute("aria-describedby", `${id}-said ${id}-keys`);
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", `${id}-list`);
  const list = document.createElement("ul");
  list.id = `${id}-list`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Names to complete");
  list.hidden = true;
  const said = document.createElement("div");
  said.className = "stellarnb-adql-said";
  said.id = `${id}-said`;
  said.setAttribute("role", "status");
  const jump = document.createElement("button");
  jump.type = "button";
  jump.className = "stellarnb-adql-jump";
  jump.textContent = "Go to the error";
  jump.setAttribute("data-lm-suppress-shortcuts", "true");
  jump.hidden = true;
  const keys = document.createElement("div");
  keys.className = "stellarnb-adql-keys";
  keys.id = `${id}-keys`;
  keys.textContent = "Ctrl+Space completes names · Ctrl+Enter runs";
  frame.append(layer, area);
  root.append(label, frame, list, said, jump, keys);
  el.append(root);

  let known = new Set();
  let timer = 0;
  let choice = -1;
  let matches = [];

  // An error speaks of one text; of another it says nothing.
  const error = () => {
    const found = model.get("error");
    return found && found.message && found.text === area.value ? found : null;
  };
  const show = () => {
    const wrong = error();
    paint(layer, area.value, known, wrong);
    said.textContent = wrong ? wrong.message : "";
    area.setAttribute("aria-invalid", wrong ? "true" : "false");
    frame.classList.toggle("stellarnb-adql-invalid", Boolean(wrong));
    jump.hidden = !(wrong && wrong.start !== null && wrong.start !== undefined);
  };
  const tell = () => {
    clearTimeout(timer);
    timer = 0;
    if (model.get("value") === area.value) return;
    model.set("value", area.value);
    model.save_changes();
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(tell, 350);
  };

  const close = () => {
    list.hidden = true;
    list.replaceChildren();
    matches = [];
    choice = -1;
    area.removeAttribute("aria-activedescendant");
  };
  const pick = index => {
    choice = index;
    [...list.children].forEach((item, i) => {
      item.setAttribute("aria-selected", i === index ? "true" : "false");
      if (i === index) {
        area.setAttribute("aria-activedescendant", item.id);
        item.scrollIntoView({ block: "nearest" });
      }
    });
  };
  const accept = index => {
    const [entry, word] = matches[index];
    area.setSelectionRange(area.selectionStart - word.length, area.selectionStart);
    // As if typed, so that Ctrl+Z takes it back.
    if (!document.execCommand("insertText", false, entry.name)) {
      area.setRangeText(entry.name, area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input"));
    }
    close();
  };
  const offer = () => {
    const before = wordBefore(area.value, area.selectionStart);
    const all = [
      ...model.get("names"),
      ...[...FUNCTIONS].map(name => ({ name: name.toUpperCase(), kind: "function", note: "" })),
      ...[...KEYWORDS].map(name => ({ name: name.toUpperCase(), kind: "word", note: "" })),
    ];
    const search = word => {
      const plain = word.replace(/"/g, "").toLowerCase();
      const hits = all.filter(entry => entry.name.toLowerCase().includes(plain));
      const first = entry => (entry.name.replace(/"/g, "").toLowerCase().startsWith(plain) ? 0 : 1);
      return hits.sort((a, b) => first(a) - first(b)).slice(0, MOST).map(entry => [entry, word]);
    };
    matches = search(before);
    // Behind an alias and a dot only the rest is a name.
    if (!matches.length && before.includes(".")) matches = search(before.split(".").pop());
    list.replaceChildren();
    if (!matches.length) return close();
    matches.forEach(([entry], i) => {
      const item = document.createElement("li");
      item.id = `${id}-item-${i}`;
      item.setAttribute("role", "option");
      const name = document.createElement("code");
      name.textContent = entry.name;
      const note = document.createElement("span");
      note.textContent = [entry.kind, entry.note].filter(Boolean).join(" · ");
      item.append(name, note);
      item.addEventListener("mousedown", event => {
        event.preventDefault();
        accept(i);
      });
      list.append(item);
    });
    list.hidden = false;
    pick(0);
  };

  area.addEventListener("input", () => {
    show();
    later();
    if (!list.hidden) offer();
  });
  area.addEventListener("blur", () => {
    tell();
    close();
  });
  area.addEventListener("keydown", event => {
    // The notebook around would take Enter for its own, and the field would get no new line.
    event.stopPropagation();
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      if (!area.readOnly) offer();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      tell();
      model.send({ kind: "run", value: area.value });
    } else if (!list.hidden && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      pick((choice + step + matches.length) % matches.length);
    } else if (!list.hidden && event.key === "Enter") {
      event.preventDefault();
      accept(choice);
    } else if (!list.hidden && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (!list.hidden && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
      close();
    }
  });
  jump.addEventListener("click", () => {
    const wrong = error();
    if (!wrong) return;
    area.focus();
    area.setSelectionRange(wrong.start, wrong.end);
  });

  const on = {
    "change:value": () => {
      if (area.value !== model.get("value") && !timer) {
        area.value = model.get("value");
        close();
      }
      show();
    },
    "change:error": show,
    "change:label": () => (label.textContent = model.get("label")),
    "change:read_only": () => (area.readOnly = model.get("read_only")),
    "change:names": () => {
      const words = model.get("names").flatMap(entry => entry.name.toLowerCase().split("."));
      known = new Set(words.map(word => word.replace(/"/g, "")));
      show();
    },
  };
  for (const [name, act] of Object.entries(on)) model.on(name, act);
  on["change:label"]();
  on["change:read_only"]();
  area.value = model.get("value");
  on["change:names"]();
  close();

  return () => {
    tell();
    for (const [name, act] of Object.entries(on)) model.off(name, act);
  };
}

export default { render };
