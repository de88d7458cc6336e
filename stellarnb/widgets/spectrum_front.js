// The page's half of the spectrum viewer: draws, zooms and steps by itself, from spectra that Python
// has sent ahead, and asks Python for what takes longer (labels, emulator, sensitivity).
//
// Whatever comes from data is put into the page as text, never as markup.

const AHEAD = 8 // spectra that are fetched on each side of the one that is shown
const KEPT = 400 // spectra that are kept
const PAUSE = 150 // of the view, before Python is told [ms]
const LEFT = 66, RIGHT = 12, TOP = 30, BOTTOM = 40, GAP = 12
const HEIGHTS = {flux: 240, residual: 80, sensitivity: 90}
const FONT = '12px var(--jp-ui-font-family, sans-serif)'.replace(/var\(.*\)/, "sans-serif")
const KEYS = {
  ArrowRight: 1, n: 1, N: 1, ArrowLeft: -1, p: -1, P: -1, PageDown: 10, PageUp: -10,
  Home: -Infinity, End: Infinity,
}
// Told apart with each kind of colour blindness, three to one and more on their page.
const LIGHT = {
  page: "#ffffff", text: "#333333", line: "#d8d8d8", flux: "#0062a3", faint: "#8a8a8a",
  model: "#c04f00", band: "rgba(0, 98, 163, 0.22)", mask: "rgba(120, 120, 120, 0.22)",
  mark: "#6b6b6b", sense: "#00795a", senseBand: "rgba(0, 121, 90, 0.25)", bad: "#b3261e",
}
const DARK = {
  page: "#111111", text: "#dddddd", line: "#3a3a3a", flux: "#6fbdf0", faint: "#8c8c8c",
  model: "#ff9a4d", band: "rgba(111, 189, 240, 0.28)", mask: "rgba(170, 170, 170, 0.24)",
  mark: "#a8a8a8", sense: "#4fd0a5", senseBand: "rgba(79, 208, 165, 0.28)", bad: "#ff8a80",
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high)

const bytes = view => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)
const floats = view => new Float32Array(bytes(view))

const make = (tag, props = {}, ...children) => {
  const node = document.createElement(tag)
  for (const [key, value] of Object.entries(props)) {
    if (key in node && key !== "list" && key !== "role") node[key] = value
    else node.setAttribute(key, value)
  }
  node.append(...children)
  return node
}

// Numbers of an axis: round steps, as many as there is room for.
const ticks = (low, high, most) => {
  const raw = (high - low) / Math.max(most, 1)
  if (!(raw > 0) || !Number.isFinite(raw)) return {at: [], digits: 0}
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = power * ([1, 2, 5, 10].find(m => m * power >= raw) ?? 10)
  const at = []
  for (let i = Math.ceil(low / step); i * step <= high; i++) at.push(i * step)
  return {at, digits: clamp(-Math.floor(Math.log10(step) + 1e-9), 0, 8)}
}

const shown = (value, digits) => Number.isFinite(value) ? value.toFixed(digits) : "none"

export default () => {
  // What all views of one viewer share.
  const store = {
    grid: null, rows: new Map(), wanted: new Set(), degraded: null, labels: null, overlay: null,
    sense: null, views: new Set(), frame: 0, timer: 0, drawn: -1, view: null,
  }
  let model

  const redraw = () => {
    if (store.frame) return
    store.frame = requestAnimationFrame(() => {
      store.frame = 0
      for (const view of store.views) view.draw()
    })
  }
  const refresh = () => {
    for (const view of store.views) view.refresh()
    redraw()
  }

  const setup = () => model.get("setup")
  const row = () => model.get("row")
  const span = () => [store.grid[0], store.grid[store.grid.length - 1]]
  const view = () => {
    const given = store.view
    return given && given.length === 2 ? given : span()
  }

  const ask = () => {
    const n = setup().n, at = row()
    const low = clamp(at - AHEAD, 0, n - 1), high = clamp(at + AHEAD, 0, n - 1)
    const near = []
    for (let i = low; i <= high; i++) if (!store.rows.has(i) && !store.wanted.has(i)) near.push(i)
    // One message for many: only where the shown one is lacking, or half of those ahead are.
    if (near.length === 0 || (store.rows.has(at) && near.length < AHEAD)) return
    for (const i of near) store.wanted.add(i)
    // The one that is looked at first, so that it need not wait for its neighbours.
    if (near.includes(at)) model.send({kind: "want", rows: [at]})
    model.send({kind: "want", rows: near.filter(i => i !== at)})
    setTimeout(() => near.forEach(i => store.wanted.delete(i)), 3000)
  }

  const go = to => {
    const n = setup().n
    const next = clamp(to, 0, n - 1)
    if (next === row()) return
    model.set("row", next)
    model.save_changes()
  }

  const zoom = (low, high) => {
    const [first, last] = span()
    const least = 4 * (last - first) / store.grid.length
    let wide = clamp(high - low, least, last - first)
    let start = clamp((low + high - wide) / 2, first, last - wide)
    store.view = wide >= (last - first) * 0.9999 ? [] : [start, start + wide]
    redraw()
    clearTimeout(store.timer)
    store.timer = setTimeout(() => {
      model.set("view", store.view)
      model.save_changes()
    }, PAUSE)
  }

  const hear = (message, buffers) => {
    if (message.kind === "spectra") {
      const n = store.grid.length
      const [flux, error, mask] = [floats(buffers[0]), message.errors ? floats(buffers[1]) : null,
        new Uint8Array(bytes(buffers[buffers.length - 1]))]
      message.rows.forEach((at, i) => {
        const part = [i * n, (i + 1) * n]
        store.rows.set(at, {
          flux: flux.subarray(...part), error: error?.subarray(...part) ?? null,
          mask: mask.subarray(...part), id: message.ids[i], name: message.names[i], snr: message.snr[i],
        })
        store.wanted.delete(at)
      })
      if (store.rows.size > KEPT) {
        const far = [...store.rows.keys()].sort((a, b) => Math.abs(b - row()) - Math.abs(a - row()))
        far.slice(0, store.rows.size - KEPT / 2).forEach(at => store.rows.delete(at))
      }
      if (message.rows.includes(row())) refresh()
    } else if (message.kind === "degraded") {
      store.degraded = message.none ? null : {
        row: message.row, flux: floats(buffers[0]), error: floats(buffers[1]),
        mask: new Uint8Array(bytes(buffers[2])), snr: message.snr,
      }
      redraw()
    } else if (message.kind === "labels") {
      store.labels = message
      refresh()
    } else if (message.kind === "overlay") {
      const there = buffers.length === 2
      store.overlay = {...message, flux: there ? floats(buffers[0]) : null, level: there ? floats(buffers[1]) : null}
      refresh()
    } else if (message.kind === "sensitivity") {
      const there = buffers.length === 2
      store.sense = {...message, value: there ? floats(buffers[0]) : null, scatter: there ? floats(buffers[1]) : null}
      refresh()
    }
  }

  const initialize = given => {
    model = given.model
    store.grid = new Float64Array(bytes(model.get("grid")))
    store.view = model.get("view")
    model.on("msg:custom", hear)
    model.on("change:row", () => { ask(); refresh() })
    for (const name of ["show", "lines", "setup", "resolution", "snr", "label", "note"]) {
      model.on(`change:${name}`, refresh)
    }
    model.on("change:view", () => { store.view = model.get("view"); redraw() })
    ask()
    model.send({kind: "hello"})
    return () => { model.off("msg:custom", hear); clearTimeout(store.timer) }
  }

  const render = ({el}) => {
    const root = make("div", {className: "snb-spectrum"})
    const {r_range: powers, model: named, snr_range: noises} = setup()

    // --- stepping and zoom
    const button = (text, title, work) => {
      const node = make("button", {type: "button", className: "snb-button", title}, text)
      node.setAttribute("aria-label", title)
      node.addEventListener("click", work)
      return node
    }
    const previous = button("◀", "Previous spectrum (p or left arrow)", () => go(row() - 1))
    const next = button("▶", "Next spectrum (n or right arrow)", () => go(row() + 1))
    const place = make("input", {type: "text", className: "snb-jump", spellcheck: false, autocomplete: "off"})
    place.placeholder = "source_id, name or #number"
    place.setAttribute("aria-label", "Go to a source_id, a name, or #number")
    const jump = () => model.send({kind: "jump", text: place.value})
    place.addEventListener("keydown", event => { if (event.key === "Enter") jump() })
    const wider = factor => {
      const [low, high] = view(), middle = (low + high) / 2, half = (high - low) / 2 * factor
      zoom(middle - half, middle + half)
    }
    const bar = make("div", {className: "snb-row", role: "toolbar"}, previous, next, place,
      button("Go", "Go to this spectrum", jump),
      button("+", "Zoom in (+)", () => wider(0.5)), button("−", "Zoom out (−)", () => wider(2)),
      button("Whole range", "Show the whole range (0)", () => zoom(...span())))
    bar.setAttribute("aria-label", "Step and zoom")

    const title = make("div", {className: "snb-title"})
    const note = make("div", {className: "snb-words", role: "status"})
    const legend = make("div", {className: "snb-legend"})
    const canvas = make("canvas", {})
    canvas.setAttribute("aria-hidden", "true")
    const figure = make("div", {className: "snb-figure", tabIndex: 0, role: "application"}, canvas)
    const readout = make("div", {className: "snb-readout"})
    const live = make("div", {className: "snb-unseen"})
    live.setAttribute("aria-live", "polite")
    readout.textContent = " "

    // --- what is shown
    const SHOWN = {
      error: "errors", mask: "masks", continuum: "continuum", overlay: "emulator and residuals",
      sensitivity: "sensitivity",
    }
    const switches = make("fieldset", {className: "snb-row"}, make("legend", {}, "show"))
    const boxes = {}
    for (const [name, text] of Object.entries(SHOWN)) {
      if (!setup().can.includes(name)) continue
      const box = make("input", {type: "checkbox"})
      boxes[name] = box
      box.addEventListener("change", () => {
        model.set("show", Object.keys(boxes).filter(key => boxes[key].checked))
        model.save_changes()
      })
      switches.append(make("label", {}, box, ` ${text}`))
    }
    const groups = make("fieldset", {className: "snb-row"}, make("legend", {}, "lines"))
    groups.title = setup().source
    const lines = {}
    for (const name of setup().groups) {
      const box = make("input", {type: "checkbox"})
      lines[name] = box
      box.addEventListener("change", () => {
        model.set("lines", setup().groups.filter(key => lines[key].checked))
        model.save_changes()
      })
      groups.append(make("label", {}, box, ` ${name}`))
    }
    const label = make("select", {})
    for (const {name, symbol} of setup().labels) label.append(make("option", {value: name}, symbol))
    label.addEventListener("change", () => { model.set("label", label.value); model.save_changes() })
    const which = make("label", {className: "snb-row"}, "sensitivity of ", label)

    // --- degrade: the right end of a slider is the spectrum as observed
    const slider = (name, words, [low, high]) => {
      const steps = 100
      const value = at => low * (high / low) ** (at / (steps - 1))
      const input = make("input", {type: "range", min: 0, max: steps, step: 1, className: "snb-slider"})
      const out = make("output", {})
      const show = () => {
        const now = model.get(name)
        if (document.activeElement !== input || store.sliding !== name) {
          input.value = now == null ? steps : Math.round((steps - 1) * Math.log(now / low) / Math.log(high / low))
        }
        out.textContent = now == null ? "as observed" : now.toPrecision(now >= 1000 ? 4 : 3) * 1
        input.setAttribute("aria-valuetext", out.textContent)
      }
      input.addEventListener("input", () => {
        store.sliding = name
        const at = Number(input.value)
        const now = at >= steps ? null : Number(value(at).toPrecision(3))
        model.set(name, now)
        model.save_changes()
      })
      return {show, node: make("label", {className: "snb-slide"}, `${words} `, input, out)}
    }
    const power = slider("resolution", "resolution R", powers)
    const noise = slider("snr", "S/N per pixel", noises)
    const poorer = make("fieldset", {className: "snb-row"}, make("legend", {}, "degrade to"), power.node, noise.node)

    const table = make("table", {className: "snb-labels"})
    const status = make("div", {className: "snb-small"})
    const keys = make("div", {className: "snb-small"},
      "Keys in the figure: n or → next, p or ← previous, Page Up/Down ten, Home/End first and last; + − 0 zoom, Shift with ← → pan. Drag pans, the wheel zooms, a double click shows the whole range.")

    // What changes with the sliders stands beside the figure where the window is wide enough.
    const plot = make("div", {className: "snb-plot"}, legend, figure, readout)
    const side = make("div", {className: "snb-side"}, poorer, table, status)
    if (setup().labels.length > 0) side.append(which)
    const parts = [title, bar, note, make("div", {className: "snb-main"}, plot, side), switches, groups, keys, live]
    root.append(...parts)
    // Else JupyterLab would take arrows, n or + for its own. It looks at the focused element itself.
    for (const node of root.querySelectorAll("button, input, select, .snb-figure")) {
      node.dataset.lmSuppressShortcuts = "true"
    }
    el.append(root)

    // --- drawing
    let colours = LIGHT
    let hover = null
    let tries = 0
    const context = canvas.getContext("2d")

    const dress = () => {
      const theme = setup().theme
      let dark = theme === "dark"
      if (theme === "") dark = document.body.dataset.jpThemeLight === "false"
      colours = {...(dark ? DARK : LIGHT)}
      const style = getComputedStyle(document.body)
      const page = style.getPropertyValue("--jp-layout-color0").trim()
      if (theme === "" && page !== "") colours.page = page
      root.style.setProperty("--snb-page", colours.page)
      root.style.setProperty("--snb-text", colours.text)
      root.style.setProperty("--snb-line", colours.mark)
      root.style.setProperty("--snb-bad", colours.bad)
      root.style.colorScheme = dark ? "dark" : "light"
      refreshLegend()
      redraw()
    }

    const current = () => {
      const seen = store.rows.get(row())
      const poor = model.get("resolution") != null || model.get("snr") != null
      const degraded = poor && store.degraded?.row === row() ? store.degraded : null
      return {seen, poor, main: degraded ?? seen, degraded}
    }
    const has = name => model.get("show").includes(name)
    const overlay = () => store.overlay?.row === row() && store.overlay.flux && has("overlay") ? store.overlay : null
    const panels = () => {
      const out = ["flux"]
      if (has("overlay") && setup().emulator) out.push("residual")
      if (has("sensitivity") && setup().labels.length > 0) out.push("sensitivity")
      return out
    }

    // Pixels in view, with one more on each side so that lines reach the edge.
    const inView = () => {
      const grid = store.grid, [low, high] = view()
      const find = at => {
        let a = 0, b = grid.length
        while (a < b) { const m = (a + b) >> 1; if (grid[m] < at) a = m + 1; else b = m }
        return a
      }
      return [Math.max(find(low) - 1, 0), Math.min(find(high) + 2, grid.length)]
    }

    const trace = (values, x, y, first, last, use) => {
      const grid = store.grid, many = last - first > 4 * (x.end - x.start)
      context.beginPath()
      let pen = false, column = -1, low = 0, high = 0
      for (let i = first; i < last; i++) {
        const v = values[i]
        if (!(v === v) || !use(i)) { pen = false; column = -1; continue }
        const px = x.to(grid[i]), py = y.to(v)
        if (!many) {
          if (pen) context.lineTo(px, py); else context.moveTo(px, py)
          pen = true
          continue
        }
        // More pixels than columns: lowest and highest of each column.
        const at = Math.round(px)
        if (at !== column) {
          if (column >= 0) context.lineTo(column, (low + high) / 2)
          if (pen) context.lineTo(at, py); else context.moveTo(at, py)
          pen = true; column = at; low = high = py
        } else if (py < low) { low = py; context.lineTo(at, py) } else if (py > high) { high = py; context.lineTo(at, py) }
      }
      // A single pixel between gaps is a dot, not nothing.
      context.stroke()
    }

    const fillBand = (centre, half, x, y, first, last, use) => {
      const grid = store.grid
      const step = Math.max(1, Math.floor((last - first) / (2 * (x.end - x.start))))
      let run = []
      const flush = () => {
        if (run.length > 1) {
          context.beginPath()
          run.forEach((i, k) => { const p = [x.to(grid[i]), y.to(centre(i) + half[i])]; if (k) context.lineTo(...p); else context.moveTo(...p) })
          for (let k = run.length - 1; k >= 0; k--) { const i = run[k]; context.lineTo(x.to(grid[i]), y.to(centre(i) - half[i])) }
          context.fill()
        }
        run = []
      }
      for (let i = first; i < last; i += step) {
        if (use(i) && Number.isFinite(centre(i)) && Number.isFinite(half[i])) run.push(i); else flush()
      }
      flush()
    }

    const range = (list, first, last, use) => {
      let low = Infinity, high = -Infinity
      for (const values of list) {
        for (let i = first; i < last; i++) {
          const v = values[i]
          if (v === v && use(i) && Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v }
        }
      }
      if (!(low <= high)) return null
      const air = 0.07 * (high - low) || 0.1 * Math.abs(high) || 0.1
      return [low - air, high + air]
    }

    const frame = (top, height, ends, name, x, power) => {
      const y = {top, height, to: v => top + height * (1 - (v - ends[0]) / (ends[1] - ends[0]))}
      const scale = 10 ** -power
      const found = ticks(ends[0] * scale, ends[1] * scale, height / (height > 150 ? 38 : 24))
      context.strokeStyle = colours.line
      context.lineWidth = 1
      context.fillStyle = colours.text
      context.textAlign = "right"
      context.textBaseline = "middle"
      context.font = FONT
      for (const at of found.at) {
        const py = Math.round(y.to(at / scale)) + 0.5
        context.beginPath(); context.moveTo(x.start, py); context.lineTo(x.end, py); context.stroke()
        context.fillText(at.toFixed(found.digits).replace("-", "−"), x.start - 6, py)
      }
      context.strokeStyle = colours.mark
      context.strokeRect(x.start + 0.5, top + 0.5, x.end - x.start - 1, height)
      context.save()
      context.translate(13, top + height / 2)
      context.rotate(-Math.PI / 2)
      context.textAlign = "center"
      let size = 12
      context.font = FONT
      while (context.measureText(name).width > height + 14 && size > 9) context.font = FONT.replace("12px", `${--size}px`)
      context.fillText(name, 0, 0)
      context.restore()
      return y
    }

    // 1e-16 W m-2 nm-1 would need numbers as long as the figure is wide.
    const powerOf = ends => {
      const largest = Math.max(Math.abs(ends[0]), Math.abs(ends[1]))
      if (largest === 0 || (largest < 1e5 && largest >= 1e-2)) return 0
      return Math.floor(Math.log10(largest))
    }
    const UP = {"-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹"}
    const titled = (name, unit, power) => {
      const times = power === 0 ? "" : `10${[...String(power)].map(c => UP[c]).join("")}`
      const inside = [times, unit].filter(text => text !== "").join(" ")
      return inside === "" ? name : `${name} [${inside}]`
    }

    const shadeMasks = (mask, x, top, height, first, last) => {
      if (!has("mask")) return
      context.fillStyle = colours.mask
      const grid = store.grid
      const edge = i => x.to(i <= 0 ? grid[0] : i >= grid.length ? grid[grid.length - 1] : (grid[i - 1] + grid[i]) / 2)
      for (let i = first; i < last; i++) {
        if (!mask[i]) continue
        let j = i
        while (j < last && mask[j]) j++
        const from = clamp(edge(i), x.start, x.end), to = clamp(edge(j), x.start, x.end)
        context.fillRect(from, top, Math.max(to - from, 1), height)
        i = j
      }
    }

    const nameLines = (x, bottom) => {
      const on = new Set(model.get("lines")), [low, high] = view()
      context.font = FONT.replace("12px", "11px")
      context.textAlign = "center"
      context.textBaseline = "bottom"
      context.strokeStyle = colours.mark
      context.fillStyle = colours.text
      context.setLineDash([2, 3])
      const taken = []
      for (const {group, name, at} of setup().lines) {
        if (!on.has(group) || at < low || at > high) continue
        const px = Math.round(x.to(at)) + 0.5
        context.beginPath(); context.moveTo(px, TOP); context.lineTo(px, bottom); context.stroke()
        const half = context.measureText(name).width / 2 + 3
        const centre = clamp(px, x.start + half - 3, x.end - half + 3)
        // Two rows of names; one for which there is no room is left to the readout.
        const level = [0, 1].find(n => taken.every(t => t.level !== n || Math.abs(t.px - centre) > t.half + half))
        if (level === undefined) continue
        taken.push({px: centre, half, level})
        context.fillText(name, centre, TOP - 2 - 13 * level)
      }
      context.setLineDash([])
    }

    const draw = () => {
      const wide = figure.clientWidth
      if (store.grid === null) return
      if (wide === 0) {
        // JupyterLab hides the page while it loads a theme, too shortly for a change of size.
        if (root.isConnected && tries++ < 40) setTimeout(redraw, 150)
        return
      }
      tries = 0
      const list = panels()
      const tall = TOP + BOTTOM + list.reduce((sum, name) => sum + HEIGHTS[name] + GAP, -GAP)
      const ratio = window.devicePixelRatio || 1
      if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(tall * ratio)) {
        canvas.width = Math.round(wide * ratio)
        canvas.height = Math.round(tall * ratio)
        canvas.style.height = `${tall}px`
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0)
      context.fillStyle = colours.page
      context.fillRect(0, 0, wide, tall)
      const [low, high] = view()
      const x = {start: LEFT, end: wide - RIGHT, to: at => LEFT + (wide - RIGHT - LEFT) * (at - low) / (high - low)}
      figure.snbScale = x
      const {seen, main, degraded} = current()
      const [first, last] = inView()
      const bottom = tall - BOTTOM
      const found = ticks(low, high, (x.end - x.start) / 80)
      context.font = FONT
      context.textBaseline = "top"
      context.textAlign = "center"
      for (const at of found.at) {
        const px = Math.round(x.to(at)) + 0.5
        context.strokeStyle = colours.line
        context.beginPath(); context.moveTo(px, TOP); context.lineTo(px, bottom); context.stroke()
        context.fillStyle = colours.text
        const text = at.toFixed(found.digits)
        context.fillText(text, Math.min(px, wide - context.measureText(text).width / 2 - 2), bottom + 5)
      }
      context.fillText(setup().x_title, (x.start + x.end) / 2, bottom + 22)
      const any = () => true
      let top = TOP
      for (const name of list) {
        const height = HEIGHTS[name]
        drawPanel(name, {x, top, height, first, last, seen, main, degraded, any})
        top += height + GAP
      }
      nameLines(x, bottom)
      if (hover !== null && hover >= x.start && hover <= x.end) {
        context.strokeStyle = colours.mark
        context.beginPath(); context.moveTo(hover, TOP); context.lineTo(hover, bottom); context.stroke()
      }
      root.dataset.row = seen ? row() : ""
      root.dataset.view = `${low} ${high}`
      root.dataset.drawn = Number(root.dataset.drawn ?? 0) + 1
    }

    const drawPanel = (name, {x, top, height, first, last, seen, main, degraded, any}) => {
      const words = text => {
        context.fillStyle = colours.text
        context.font = FONT
        context.textAlign = "center"
        context.textBaseline = "middle"
        // In lines as wide as the panel.
        const lines = [""]
        for (const word of text.split(" ")) {
          const longer = `${lines[lines.length - 1]} ${word}`.trim()
          if (context.measureText(longer).width > x.end - x.start - 20) lines.push(word); else lines[lines.length - 1] = longer
        }
        lines.forEach((line, i) => context.fillText(line, (x.start + x.end) / 2, top + height / 2 + 15 * (i - (lines.length - 1) / 2)))
      }
      const good = i => !main.mask[i]
      const clip = work => {
        context.save()
        context.beginPath(); context.rect(x.start, top, x.end - x.start, height); context.clip()
        work()
        context.restore()
      }
      const {flux_unit: unit} = setup()
      if (name === "flux") {
        const above = overlay()
        const lists = main ? [main.flux, ...(above ? [above.flux] : []), ...(degraded && seen ? [seen.flux] : [])] : []
        const level = has("continuum") ? above?.level ?? (setup().normalised ? new Float32Array(store.grid.length).fill(1) : null) : null
        const ends = (main && (range([...lists, ...(level ? [level] : [])], first, last, good) ?? range(lists, first, last, any))) ?? [0, 1.1]
        const power = powerOf(ends)
        const y = frame(top, height, ends, titled(unit ? "flux" : "normalised flux", unit, power), x, power)
        if (!main) return words("Waiting for the spectrum from Python…")
        clip(() => {
          shadeMasks(main.mask, x, top, height, first, last)
          if (has("error") && main.error) {
            context.fillStyle = colours.band
            fillBand(i => main.flux[i], main.error, x, y, first, last, good)
          }
          context.lineWidth = 1
          if (degraded && seen) {
            context.strokeStyle = colours.faint
            trace(seen.flux, x, y, first, last, i => !seen.mask[i])
          }
          // Masked pixels that have a value, thin and grey.
          context.strokeStyle = colours.faint
          trace(main.flux, x, y, first, last, i => main.mask[i])
          if (level) {
            context.strokeStyle = colours.mark
            context.setLineDash([6, 4])
            trace(level, x, y, first, last, any)
            context.setLineDash([])
          }
          context.lineWidth = 1.2
          context.strokeStyle = colours.flux
          trace(main.flux, x, y, first, last, good)
          if (above) { context.strokeStyle = colours.model; trace(above.flux, x, y, first, last, any) }
        })
        if (main.dead ??= !main.mask.includes(0)) words("All pixels of this spectrum are masked.")
        return
      }
      if (name === "residual") {
        const above = overlay()
        let residual = null
        if (main && above) {
          residual = new Float32Array(main.flux.length)
          for (let i = first; i < last; i++) residual[i] = main.flux[i] - above.flux[i]
        }
        const ends = (residual && range([residual], first, last, good)) ?? [-0.1, 0.1]
        const power = powerOf(ends)
        const y = frame(top, height, ends, titled("residual", unit, power), x, power)
        if (!residual) return words(store.overlay?.row === row() ? store.overlay.words : "…")
        clip(() => {
          shadeMasks(main.mask, x, top, height, first, last)
          if (has("error") && main.error) {
            context.fillStyle = colours.band
            fillBand(() => 0, main.error, x, y, first, last, good)
          }
          context.strokeStyle = colours.mark
          context.beginPath(); context.moveTo(x.start, y.to(0)); context.lineTo(x.end, y.to(0)); context.stroke()
          context.strokeStyle = colours.model
          trace(residual, x, y, first, last, good)
        })
        return
      }
      const sense = store.sense?.row === row() && store.sense.label === model.get("label") ? store.sense : null
      const chosen = setup().labels.find(entry => entry.name === model.get("label")) ?? {symbol: "", unit: ""}
      const ends = (sense?.value && range([sense.value], first, last, any)) ?? [-1, 1]
      const power = powerOf(ends)
      const y = frame(top, height, ends, titled(`∂${chosen.symbol}/∂flux`, chosen.unit, power), x, power)
      if (!sense?.value) return words(sense?.words ?? "…")
      clip(() => {
        if (main) shadeMasks(main.mask, x, top, height, first, last)
        context.fillStyle = colours.senseBand
        fillBand(i => sense.value[i], sense.scatter, x, y, first, last, any)
        context.strokeStyle = colours.mark
        context.beginPath(); context.moveTo(x.start, y.to(0)); context.lineTo(x.end, y.to(0)); context.stroke()
        context.strokeStyle = colours.sense
        trace(sense.value, x, y, first, last, any)
      })
    }

    // --- words around the figure
    const refreshLegend = () => {
      legend.textContent = ""
      const add = (colour, text, kind = "line") => {
        const swatch = make("span", {className: `snb-swatch snb-${kind}`})
        swatch.style.setProperty("--snb-colour", colour)
        legend.append(make("span", {className: "snb-entry"}, swatch, text))
      }
      const {poor, main} = current()
      if (poor) { add(colours.flux, "degraded"); add(colours.faint, "as observed") } else add(colours.flux, "spectrum")
      if (has("error") && main?.error) add(colours.band, "±1σ", "block")
      if (has("mask")) add(colours.mask, "masked", "block")
      if (has("overlay") && setup().emulator) add(colours.model, "emulator (synthetic) and residual")
      if (has("continuum") && (overlay() || setup().normalised)) add(colours.mark, "continuum", "dash")
      if (has("sensitivity") && setup().labels.length > 0) add(colours.sense, "sensitivity, ± scatter over networks")
    }

    let saying = 0
    const refreshWords = () => {
      const {n} = setup(), at = row(), {seen, poor, main} = current()
      const star = seen ? [
        `spectrum ${(at + 1).toLocaleString("en")} of ${n.toLocaleString("en")}`,
        `source_id ${seen.id}`, ...(seen.name ? [seen.name] : []),
        `S/N ${poor && main?.snr != null ? `${shown(main.snr, 0)} (observed ${shown(seen.snr, 0)})` : shown(seen.snr, 0)}${setup().snr_estimated ? " (estimated)" : ""}`,
      ].join(" · ") : `spectrum ${at + 1} of ${n}`
      title.textContent = `${setup().title} · ${star}`
      figure.setAttribute("aria-label", `Spectrum. ${title.textContent}. Arrow keys step, plus, minus and 0 zoom.`)
      previous.disabled = at === 0
      next.disabled = at === n - 1
      note.textContent = model.get("note")
      note.hidden = note.textContent === ""
      for (const [name, box] of Object.entries(boxes)) box.checked = has(name)
      for (const [name, box] of Object.entries(lines)) box.checked = model.get("lines").includes(name)
      label.value = model.get("label")
      power.show()
      noise.show()
      refreshTable()
      clearTimeout(saying)
      saying = setTimeout(() => { live.textContent = [star, table.innerText.replaceAll("\t", " ")].join(". ") }, 500)
    }

    const refreshTable = () => {
      const found = store.labels
      const there = found !== null && found.row === row()
      table.setAttribute("aria-busy", String(!there))
      if (!there) {
        // The labels of another star must not stand beside this spectrum.
        if (found !== null && found.row !== row()) for (const cell of table.querySelectorAll("td.snb-value")) cell.textContent = "…"
        status.textContent = setup().predicts ? `${named}: …` : status.textContent
        return
      }
      table.textContent = ""
      status.textContent = found.words
      if (found.rows.length === 0) return
      table.append(make("caption", {}, found.caption))
      table.append(make("thead", {}, make("tr", {}, ...["label", "value ± error", "unit", "flag"].map(text => make("th", {scope: "col"}, text)))))
      const body = make("tbody")
      for (const {symbol, value, unit, flag} of found.rows) {
        const cell = make("td", {className: flag ? "snb-flag" : ""}, flag || "inside limits")
        body.append(make("tr", {}, make("th", {scope: "row"}, symbol), make("td", {className: "snb-value"}, value), make("td", {}, unit), cell))
      }
      table.append(body)
      root.dataset.labels = found.serial
    }

    // --- mouse and keys
    const atMouse = event => event.clientX - canvas.getBoundingClientRect().left
    const waveAt = px => { const x = figure.snbScale, [low, high] = view(); return low + (px - x.start) / (x.end - x.start) * (high - low) }
    figure.addEventListener("wheel", event => {
      event.preventDefault()
      const at = waveAt(clamp(atMouse(event), LEFT, figure.clientWidth - RIGHT)), [low, high] = view()
      const factor = 1.25 ** clamp(event.deltaY / 60, -3, 3)
      zoom(at - (at - low) * factor, at + (high - at) * factor)
    }, {passive: false})
    let held = null
    canvas.addEventListener("pointerdown", event => {
      if (event.button !== 0) return
      held = {x: event.clientX, view: view()}
      canvas.setPointerCapture(event.pointerId)
      figure.focus({preventScroll: true})
    })
    canvas.addEventListener("pointermove", event => {
      if (held) {
        const [low, high] = held.view, x = figure.snbScale
        const moved = (event.clientX - held.x) / (x.end - x.start) * (high - low)
        zoom(low - moved, high - moved)
      }
      hover = atMouse(event)
      tell()
      redraw()
    })
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => { held = null })
    canvas.addEventListener("pointerleave", () => { hover = null; readout.textContent = " "; redraw() })
    canvas.addEventListener("dblclick", () => zoom(...span()))

    const tell = () => {
      const {main} = current(), grid = store.grid
      if (!main || hover === null) return
      const at = waveAt(hover)
      const [first, last] = inView()
      let best = first
      for (let i = first; i < last; i++) if (Math.abs(grid[i] - at) < Math.abs(grid[best] - at)) best = i
      const digits = v => Number.isFinite(v) ? (Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(3) : v.toPrecision(4)) : "none"
      const parts = [`${grid[best].toFixed(3)} ${setup().unit} (${setup().medium})`, `flux ${digits(main.flux[best])}${main.error ? ` ± ${digits(main.error[best])}` : ""}${main.mask[best] ? " (masked)" : ""}`]
      const above = overlay()
      if (above) parts.push(`emulator ${digits(above.flux[best])}`)
      const near = setup().lines.filter(line => model.get("lines").includes(line.group))
        .map(line => ({...line, off: Math.abs(figure.snbScale.to(line.at) - hover)})).filter(line => line.off < 6).sort((a, b) => a.off - b.off)[0]
      if (near) parts.push(`${near.name} ${near.at.toFixed(3)} ${setup().unit}`)
      readout.textContent = parts.join(" · ")
    }

    figure.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const [low, high] = view()
      const part = (high - low) / 4
      if (event.shiftKey && event.key === "ArrowRight") zoom(low + part, high + part)
      else if (event.shiftKey && event.key === "ArrowLeft") zoom(low - part, high - part)
      else if (event.key in KEYS) go(row() + KEYS[event.key])
      else if (event.key === "+" || event.key === "=") wider(0.5)
      else if (event.key === "-") wider(2)
      else if (event.key === "0") zoom(...span())
      else return
      event.preventDefault()
      event.stopPropagation()
    })

    const own = {draw, refresh: () => { refreshWords(); refreshLegend() }}
    store.views.add(own)
    const size = new ResizeObserver(() => redraw())
    size.observe(figure)
    const themes = new MutationObserver(dress)
    themes.observe(document.body, {attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"]})
    own.refresh()
    dress()
    return () => {
      store.views.delete(own)
      size.disconnect()
      themes.disconnect()
      clearTimeout(saying)
    }
  }

  return {initialize, render}
}
