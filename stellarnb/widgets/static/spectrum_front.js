// The page's half of the spectrum viewer: draws, zooms and steps by itself, from spectra that Python
// has sent ahead (spectrum_store.js), and asks Python for what takes longer (labels, emulator, sensitivity).
//
// Whatever comes from data is put into the page as text, never as markup.

const KEYS = {
  ArrowRight: 1, n: 1, N: 1, ArrowLeft: -1, p: -1, P: -1, PageDown: 10, PageUp: -10,
  Home: -Infinity, End: Infinity,
}
export default () => {
  const {store, redraw, refresh, setup, row, span, view, go, zoom, initialize} = makeStore()

  const render = ({model, el}) => {
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
    const parts = [title, bar, note, make("div", {className: "snb-main"}, plot, side), switches, groups, make("div", {className: "snb-small", hidden: setup().absent === ""}, setup().absent), keys, live]
    root.append(...parts)
    // Else JupyterLab would take arrows, n or + for its own. It looks at the focused element itself.
    for (const node of root.querySelectorAll("button, input, select, .snb-figure")) {
      node.dataset.lmSuppressShortcuts = "true"
    }
    el.append(root)

    // --- drawing
    const look = {colours: LIGHT, hover: null}
    const current = () => {
      const seen = store.rows.get(row())
      const poor = model.get("resolution") != null || model.get("snr") != null
      const degraded = poor && store.degraded?.row === row() ? store.degraded : null
      return {seen, poor, main: degraded ?? seen, degraded}
    }
    const has = name => model.get("show").includes(name)
    const overlay = () => store.overlay?.row === row() && store.overlay.flux && has("overlay") ? store.overlay : null
    const {draw, inView} = makePainter({root, figure, canvas, look, store, model, setup, row, view, current, has, overlay, redraw})

    const dress = () => {
      const theme = setup().theme
      let dark = theme === "dark"
      if (theme === "") dark = document.body.dataset.jpThemeLight === "false"
      look.colours = {...(dark ? DARK : LIGHT)}
      const style = getComputedStyle(document.body)
      const page = style.getPropertyValue("--jp-layout-color0").trim()
      if (theme === "" && page !== "") look.colours.page = page
      root.style.setProperty("--snb-page", look.colours.page)
      root.style.setProperty("--snb-text", look.colours.text)
      root.style.setProperty("--snb-line", look.colours.mark)
      root.style.setProperty("--snb-bad", look.colours.bad)
      root.style.colorScheme = dark ? "dark" : "light"
      refreshLegend()
      redraw()
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
      if (poor) { add(look.colours.flux, "degraded"); add(look.colours.faint, "as observed") } else add(look.colours.flux, "spectrum")
      if (has("error") && main?.error) add(look.colours.band, "±1σ", "block")
      if (has("mask")) add(look.colours.mask, "masked", "block")
      if (has("overlay") && setup().emulator) add(look.colours.model, "emulator (synthetic) and residual")
      if (has("continuum") && (overlay() || setup().normalised)) add(look.colours.mark, "continuum", "dash")
      if (has("sensitivity") && setup().labels.length > 0) add(look.colours.sense, "sensitivity, ± scatter over networks")
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
      look.hover = atMouse(event)
      tell()
      redraw()
    })
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => { held = null })
    canvas.addEventListener("pointerleave", () => { look.hover = null; readout.textContent = " "; redraw() })
    canvas.addEventListener("dblclick", () => zoom(...span()))

    const tell = () => {
      const {main} = current(), grid = store.grid
      if (!main || look.hover === null) return
      const at = waveAt(look.hover)
      const [first, last] = inView()
      let best = first
      for (let i = first; i < last; i++) if (Math.abs(grid[i] - at) < Math.abs(grid[best] - at)) best = i
      const digits = v => Number.isFinite(v) ? (Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(3) : v.toPrecision(4)) : "none"
      const parts = [`${grid[best].toFixed(3)} ${setup().unit} (${setup().medium})`, `flux ${digits(main.flux[best])}${main.error ? ` ± ${digits(main.error[best])}` : ""}${main.mask[best] ? " (masked)" : ""}`]
      const above = overlay()
      if (above) parts.push(`emulator ${digits(above.flux[best])}`)
      const near = setup().lines.filter(line => model.get("lines").includes(line.group))
        .map(line => ({...line, off: Math.abs(figure.snbScale.to(line.at) - look.hover)})).filter(line => line.off < 6).sort((a, b) => a.off - b.off)[0]
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
