// A list to search and choose from. Whatever comes from an archive goes in as text.

const SHOWN = 300;

function render({ model, el }) {
  // Each view loads this module anew, so a counter would begin at 1 each time.
  const id = `stellarnb-chooser-${Math.random().toString(36).slice(2)}`;
  const root = document.createElement("div");
  root.className = "stellarnb-chooser";
  const label = document.createElement("label");
  label.htmlFor = `${id}-search`;
  const search = document.createElement("input");
  search.id = `${id}-search`;
  search.type = "search";
  search.autocomplete = "off";
  search.spellcheck = false;
  search.placeholder = "search";
  const list = document.createElement("ul");
  list.id = `${id}-list`;
  list.tabIndex = 0;
  list.setAttribute("role", "listbox");
  const said = document.createElement("div");
  said.className = "stellarnb-chooser-said";
  said.setAttribute("role", "status");
  const line = document.createElement("div");
  line.className = "stellarnb-chooser-line";
  const clear = document.createElement("button");
  clear.type = "button";
  clear.textContent = "Clear";
  line.append(said, clear);
  // Else JupyterLab would take keys for its own commands.
  for (const part of [search, list, clear]) part.setAttribute("data-lm-suppress-shortcuts", "true");
  search.setAttribute("aria-controls", list.id);
  root.append(label, search, list, line);
  el.append(root);

  let shown = [];
  let active = 0;
  let timer = 0;
  const chosen = () => new Set(model.get("chosen"));

  const fitting = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return model.get("entries").filter(entry => {
      const text = entry.join(" ").toLowerCase();
      return words.every(word => text.includes(word));
    });
  };
  const status = all => {
    const picked = model.get("chosen");
    const total = model.get("total");
    const more = all.length > SHOWN ? `, the first ${SHOWN} are shown` : "";
    const found = search.value ? `${all.length.toLocaleString("en")} of ` : "";
    const what = picked.length
      ? `chosen: ${picked.slice(0, 6).join(", ")}${picked.length > 6 ? ` and ${picked.length - 6} more` : ""}`
      : model.get("none_chosen");
    const named = `${total.toLocaleString("en")} ${model.get("label").toLowerCase()}`;
    said.textContent = `${found}${named}${more}${what ? ` · ${what}` : ""}`;
    clear.hidden = !(model.get("multiple") && picked.length);
  };
  const point = index => {
    active = Math.min(Math.max(index, 0), shown.length - 1);
    [...list.children].forEach((item, i) =>
      item.classList.toggle("stellarnb-chooser-active", i === active));
    const item = list.children[active];
    if (item) list.setAttribute("aria-activedescendant", item.id);
    else list.removeAttribute("aria-activedescendant");
    return item;
  };
  const mark = () => {
    const picked = chosen();
    [...list.children].forEach((item, i) =>
      item.setAttribute("aria-selected", picked.has(shown[i][0]) ? "true" : "false"));
  };
  const toggle = index => {
    if (!shown[index]) return;
    const key = shown[index][0];
    const picked = chosen();
    if (model.get("multiple")) {
      if (!picked.delete(key)) picked.add(key);
      const order = model.get("entries").map(entry => entry[0]);
      const known = order.filter(name => picked.has(name));
      const others = [...picked].filter(name => !order.includes(name));
      model.set("chosen", [...known, ...others]);
    } else {
      model.set("chosen", [key]);
    }
    model.save_changes();
    mark();
    status(fitting());
  };
  const fill = () => {
    const all = fitting();
    shown = all.slice(0, SHOWN);
    list.replaceChildren(...shown.map(([name, unit, words], i) => {
      const item = document.createElement("li");
      item.id = `${id}-item-${i}`;
      item.setAttribute("role", "option");
      item.title = words;
      for (const [text, kind] of [[name, "name"], [unit, "unit"], [words, "words"]]) {
        const part = document.createElement("span");
        part.className = `stellarnb-chooser-${kind}`;
        part.textContent = text;
        item.append(part);
      }
      item.addEventListener("click", () => {
        point(i);
        toggle(i);
      });
      return item;
    }));
    mark();
    const first = shown.findIndex(entry => chosen().has(entry[0]));
    const item = point(first < 0 ? 0 : first);
    if (first >= 0 && item) list.scrollTop = item.offsetTop - list.offsetTop;
    status(all);
  };

  search.addEventListener("input", () => {
    fill();
    if (model.get("total") <= model.get("entries").length && !model.get("search")) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      model.set("search", search.value);
      model.save_changes();
    }, 250);
  });
  search.addEventListener("keydown", event => {
    event.stopPropagation(); // the notebook around would take Enter for its own
    if (event.key === "ArrowDown") {
      event.preventDefault();
      list.focus();
    }
  });
  list.addEventListener("keydown", event => {
    if (event.key !== "Tab") event.stopPropagation();
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9 };
    if (event.key in steps) {
      event.preventDefault();
      point(active + steps[event.key])?.scrollIntoView({ block: "nearest" });
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      toggle(active);
    }
  });
  clear.addEventListener("click", () => {
    model.set("chosen", []);
    model.save_changes();
    mark();
    status(fitting());
    list.focus();
  });

  const name = () => {
    label.textContent = `Search ${model.get("label").toLowerCase()}`;
    list.setAttribute("aria-label", model.get("label"));
    list.setAttribute("aria-multiselectable", String(model.get("multiple")));
  };
  const on = {
    "change:entries": fill,
    "change:total": fill,
    "change:chosen": () => {
      mark();
      status(fitting());
    },
    "change:search": () => {
      if (!timer && search.value !== model.get("search")) search.value = model.get("search");
      timer = 0;
      fill();
    },
    "change:label": name,
    "change:none_chosen": () => status(fitting()),
  };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  name();
  search.value = model.get("search");
  fill();
  return () => {
    clearTimeout(timer);
    for (const [event, act] of Object.entries(on)) model.off(event, act);
  };
}

export default { render };
