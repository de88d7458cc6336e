// How the spectrum viewer draws: axes, curves, bands, masks and lines on one canvas.
//
// Joined with spectrum_front.js into one module, before it.

const LEFT = 66, RIGHT = 12, TOP = 30, BOTTOM = 40, GAP = 12
const HEIGHTS = {flux: 240, residual: 80, sensitivity: 90}
const FONT = '12px var(--jp-ui-font-family, sans-serif)'.replace(/var\(.*\)/, "sans-serif")
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

// What draws one view. `look` has its colours and where the mouse is; the functions tell what to show.
const makePainter = ({root, figure, canvas, look, store, model, setup, row, view, current, has, overlay, redraw}) => {
  const context = canvas.getContext("2d")
  let tries = 0
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
    const found = ticks(ends[0] * scale, ends[1] * scale, height / (height > 150 ? 38 : 18))
    context.strokeStyle = look.colours.line
    context.lineWidth = 1
    context.fillStyle = look.colours.text
    context.textAlign = "right"
    context.textBaseline = "middle"
    context.font = FONT
    for (const at of found.at) {
      const py = Math.round(y.to(at / scale)) + 0.5
      context.beginPath(); context.moveTo(x.start, py); context.lineTo(x.end, py); context.stroke()
      context.fillText(at.toFixed(found.digits).replace("-", "−"), x.start - 6, py)
    }
    context.strokeStyle = look.colours.mark
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
    const up = digits => [...digits].map(c => UP[c]).join("")
    const times = power === 0 ? "" : `10${up(String(power))}`
    const inside = [times, unit.replace(/(?<=[A-Za-z])-?\d+/g, up)].filter(text => text !== "").join(" ")
    return inside === "" ? name : `${name} [${inside}]`
  }

  const shadeMasks = (mask, x, top, height, first, last) => {
    if (!has("mask")) return
    context.fillStyle = look.colours.mask
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
    context.strokeStyle = look.colours.mark
    context.fillStyle = look.colours.text
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
    context.fillStyle = look.colours.page
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
      context.strokeStyle = look.colours.line
      context.beginPath(); context.moveTo(px, TOP); context.lineTo(px, bottom); context.stroke()
      context.fillStyle = look.colours.text
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
    if (look.hover !== null && look.hover >= x.start && look.hover <= x.end) {
      context.strokeStyle = look.colours.mark
      context.beginPath(); context.moveTo(look.hover, TOP); context.lineTo(look.hover, bottom); context.stroke()
    }
    root.dataset.row = seen ? row() : ""
    root.dataset.view = `${low} ${high}`
    root.dataset.drawn = Number(root.dataset.drawn ?? 0) + 1
  }

  const drawPanel = (name, {x, top, height, first, last, seen, main, degraded, any}) => {
    const words = text => {
      context.fillStyle = look.colours.text
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
          context.fillStyle = look.colours.band
          fillBand(i => main.flux[i], main.error, x, y, first, last, good)
        }
        context.lineWidth = 1
        if (degraded && seen) {
          context.strokeStyle = look.colours.faint
          trace(seen.flux, x, y, first, last, i => !seen.mask[i])
        }
        // Masked pixels that have a value, thin and grey.
        context.strokeStyle = look.colours.faint
        trace(main.flux, x, y, first, last, i => main.mask[i])
        if (level) {
          context.strokeStyle = look.colours.mark
          context.setLineDash([6, 4])
          trace(level, x, y, first, last, any)
          context.setLineDash([])
        }
        context.lineWidth = 1.2
        context.strokeStyle = look.colours.flux
        trace(main.flux, x, y, first, last, good)
        if (above) { context.strokeStyle = look.colours.model; trace(above.flux, x, y, first, last, any) }
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
          context.fillStyle = look.colours.band
          fillBand(() => 0, main.error, x, y, first, last, good)
        }
        context.strokeStyle = look.colours.mark
        context.beginPath(); context.moveTo(x.start, y.to(0)); context.lineTo(x.end, y.to(0)); context.stroke()
        context.strokeStyle = look.colours.model
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
      context.fillStyle = look.colours.senseBand
      fillBand(i => sense.value[i], sense.scatter, x, y, first, last, any)
      context.strokeStyle = look.colours.mark
      context.beginPath(); context.moveTo(x.start, y.to(0)); context.lineTo(x.end, y.to(0)); context.stroke()
      context.strokeStyle = look.colours.sense
      trace(sense.value, x, y, first, last, any)
    })
  }

  return {draw, inView}
}
