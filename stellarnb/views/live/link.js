// The page's half of a link: tells Python what the user does, one message at a time.
//
// While two messages are on their way, newer requests replace older ones of the same kind, so that a
// wheel that turns faster than stars can be counted never builds up a queue. (Two, since most of
// the time a message travels.) Arguments: `link` is the mailbox, `figure` and `key` are the diagram
// that the event belongs to; both are null when Python has answered.

// Steps of the wheel come in bursts: those within a frame are one request [ms].
const FRAME = 16
const DEPTH = 2

const state = link.__state ??= {
  page: Math.random().toString(36).slice(2),
  number: 0, waiting: [], requests: new Map(), timer: 0, alarm: 0, rest: 0, captions: new Map(),
}

// A message in place of the number of stars, until Python answers.
const complain = () => {
  for (const shown of link.figures) {
    const caption = shown.above.find(part => part.name === "caption")
    if (caption == null) continue
    state.captions.set(caption, caption.text)
    caption.text = "No answer from Python: it is busy, or run this cell again."
  }
}

const relieve = () => {
  clearTimeout(state.alarm)
  for (const [caption, text] of state.captions) {
    // A newer text from Python is not overwritten.
    if (caption.text.startsWith("No answer from Python")) caption.text = text
  }
  state.captions.clear()
}

const flush = () => {
  state.timer = 0
  if (state.waiting.length >= DEPTH || state.requests.size === 0) return
  state.number += 1
  state.waiting.push(state.number)
  const requests = [...state.requests.values()]
  state.requests.clear()
  clearTimeout(state.alarm)
  state.alarm = setTimeout(complain, link.patience)
  link.message = {id: `${state.page}-${state.number}`, requests}
}

const request = (kind, what, name = `${kind} ${key}`, wait = 0) => {
  state.requests.set(name, {kind, key, ...what})
  if (state.timer === 0) state.timer = setTimeout(flush, wait)
}

// JupyterLab's colours, for what its style sheet does not reach on a canvas.
const dress = () => {
  if (!link.in_lab) return
  const style = getComputedStyle(document.body)
  const text = style.getPropertyValue("--jp-ui-font-color1").trim()
  const page = style.getPropertyValue("--jp-layout-color0").trim()
  if (text === "" || page === "") return
  for (const shown of link.figures) {
    for (const bar of shown.below.filter(part => part.type === "ColorBar")) {
      bar.title_text_color = text
      bar.major_label_text_color = text
      bar.major_tick_line_color = text
    }
    for (const part of shown.renderers.filter(part => part.name === "words")) {
      part.glyph.text_color = {value: text}
      part.glyph.background_fill_color = {value: page}
    }
    for (const part of shown.center.filter(part => part.type === "Legend")) {
      part.label_text_color = text
      part.background_fill_color = page
    }
    for (const part of shown.center.filter(part => part.name === "hover")) {
      part.text_color = text
      part.background_fill_color = page
    }
  }
}

if (figure == null) {
  const [page, number] = link.answered.split("-")
  if (page === state.page) {
    // Whatever was sent before is answered too.
    state.waiting = state.waiting.filter(sent => sent > Number(number))
    relieve()
    if (state.waiting.length > 0) state.alarm = setTimeout(complain, link.patience)
    flush()
  }
  return
}

// The output of a cell in which a map lives needs no picture of it.
const settle = () => {
  let node = cb_context.index.find_one(figure)?.el
  while (node != null && !node.classList?.contains("jp-OutputArea")) {
    node = node.parentNode ?? node.host
  }
  node?.classList.add("stellarnb-live")
}

const AWAY = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}
const CLOSER = {"+": 0.8, "=": 0.8, "-": 1.25}

// What the wheel and a drag do, by keys; an axis that falls to the right is moved as it is seen.
const press = event => {
  const [move, factor] = [AWAY[event.key], CLOSER[event.key]]
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === "0") request("home", {})
  if (!(move || factor)) return
  event.preventDefault()
  for (const [i, range] of [figure.x_range, figure.y_range].entries()) {
    const width = range.end - range.start
    const middle = range.start + width / 2 + (move ? 0.1 * move[i] * width : 0)
    const half = width / 2 * (factor ?? 1)
    range.setv({start: middle - half, end: middle + half})
  }
}

// Bokeh lets its canvas take the focus: it needs a name then, an outline, and keys that work.
const introduce = () => {
  const layer = cb_context.index.find_one(figure)?.canvas_view?.events_el
  if (layer == null || layer.hasAttribute("aria-label")) return
  const [x, y] = [figure.below, figure.left].map(
    side => side.find(part => part.type.endsWith("Axis") && part.visible)?.axis_label)
  const title = figure.title?.text ?? figure.name ?? ""
  layer.setAttribute("role", "application")
  layer.setAttribute("aria-label", x && y ? `${title}: ${y} against ${x}` : title)
  layer.setAttribute("aria-description", "arrow keys move, + and - zoom, 0 shows all")
  // JupyterLab sees but the outermost host, and would take the keys for its own.
  let host = layer
  while (host.getRootNode().host != null) host = host.getRootNode().host
  // A click gives the focus too: whoever works by mouse keeps JupyterLab's keys.
  layer.addEventListener("focus", () => {
    if (!layer.matches(":focus-visible")) return
    host.dataset.lmSuppressShortcuts = "true"
    layer.style.outline = "2px solid #0b63c5"
    layer.addEventListener("keydown", press)
  })
  layer.addEventListener("blur", () => {
    delete host.dataset.lmSuppressShortcuts
    layer.style.outline = "none"
    layer.removeEventListener("keydown", press)
  })
}

if (!state.dressed) {
  state.dressed = true
  dress()
  settle()
  const watch = new MutationObserver(dress)
  watch.observe(document.body, {attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"]})
}

const per_pixel = () => {
  const {x_range: x, y_range: y} = figure
  return {
    dx: Math.abs(x.end - x.start) / figure.inner_width,
    dy: Math.abs(y.end - y.start) / figure.inner_height,
  }
}

// Who brushes, taps or zooms does not ask for the star beneath: nothing is looked up beside it.
if (cb_obj.event_name !== "mousemove") clearTimeout(state.rest)

switch (cb_obj.event_name) {
  case "selectiongeometry": {
    if (!cb_obj.final) break
    const {type, x0, x1, y0, y1, x, y} = cb_obj.geometry
    if (type === "rect") request("brush", {x: [x0, x1], y: [y0, y1], shape: "box"}, "brush")
    if (type === "poly") request("brush", {x: [...x], y: [...y], shape: "lasso"}, "brush")
    break
  }
  case "tap":
    request("tap", {x: cb_obj.x, y: cb_obj.y, ...per_pixel()}, "tap")
    break
  case "doubletap":
    request("home", {})
    break
  case "mousemove": {
    const at = {x: cb_obj.x, y: cb_obj.y}
    clearTimeout(state.rest)
    // Only where the mouse comes to rest: a moving one would keep Python busy.
    state.rest = setTimeout(() => request("hover", {...at, ...per_pixel()}, "hover"), 120)
    break
  }
  case "mouseleave":
    request("leave", {}, "hover")
    break
  default: {
    introduce()
    const {x_range: x, y_range: y, inner_width: width, inner_height: height} = figure
    request("view", {x: [x.start, x.end], y: [y.start, y.end], width, height}, undefined, FRAME)
  }
}
